"""Starts, supervises and stops everything Roamkeep needs on one machine: `./roamkeep up`, `test` and their kin.

Modules import in this order: settings and services first, the supervisor above them, the commands on top. Until the
virtual environment exists only the standard library may be imported, and Django is never imported here: Django runs
in processes of its own, with what the services hand over as their environment.
"""
