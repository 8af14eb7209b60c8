"""A user's settings as a folder or a ZIP archive, and any other source of settings that a person can name.

Layout, the same for reading and writing: known folders by their usual names (`AppData/Roaming`, `AppData/Local`,
`Documents`, `Desktop` …), everything else of the profile below `UserProfile`; in the root `NTUSER.DAT` with its logs
and any `*.reg` files. When reading, other folders in the root count as folders of the profile, so that a copied profile
can be taken as it is.
"""

from personalization.formats.bundle.export import write_folder, write_zip
from personalization.formats.bundle.source import Source, SourceKind, open_source

__all__ = ["Source", "SourceKind", "open_source", "write_folder", "write_zip"]
