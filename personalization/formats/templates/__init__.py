"""Settings location templates of Microsoft User Experience Virtualization: which keys and files belong to a program.

Schemas 2012, 2013 and 2013A. Source: "Application Template Schema Reference for UE-V", Microsoft.
"""

from personalization.formats.templates.model import (
    FileRule,
    Process,
    RegistryRule,
    SettingsTemplate,
    Unsupported,
    VersionRange,
    sort_items,
)
from personalization.formats.templates.reader import read_template

__all__ = [
    "FileRule",
    "Process",
    "RegistryRule",
    "SettingsTemplate",
    "Unsupported",
    "VersionRange",
    "read_template",
    "sort_items",
]
