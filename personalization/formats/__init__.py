"""Pure readers and writers of user settings: nothing here knows the database.

`items` what a user's settings are made of · `paths` which keys and files may belong to a user · `values` typed registry
data · `collection` normal form and edits · `manifest` canonical bytes of a snapshot · `compression` zstd ·
`reg`, `hive`, `bundle` readers and writers of .reg exports, NTUSER.DAT, folders and ZIP archives · `templates` settings
location templates · `limits`, `errors`.
"""
