"""Believable tenants to look at (`load_demo`) and very large ones to measure (`make_demo`).

`desks` who has settings · `programs`, `windows` what they look like and how they change · `nights` their backups ·
`tenants` the rest of a demo tenant · `crowd` the large fixture.
"""
