"""Static files of the admin: `./roamkeep` collects the product's alone, so the admin's keep their plain names."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):
    """The product's storage, lenient to names that were not collected."""

    def stored_name(self, name):
        """Return the hashed name, or the name itself for a file of the admin."""
        return name if name.startswith("admin/") else super().stored_name(name)
