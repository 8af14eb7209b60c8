"""The product's settings with Django's admin and the peers' own tables beside it; for `python -m benchmarks` alone."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS, STORAGES

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.admin.apps.SimpleAdminConfig", "benchmarks.peers"]
ROOT_URLCONF = "benchmarks.peers.urls"
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "benchmarks.peers.files.Storage"}}
GUARDIAN_USER_OBJ_PERMS_MODEL = "peers.UserObjectPermission"
GUARDIAN_GROUP_OBJ_PERMS_MODEL = "peers.GroupObjectPermission"
