"""Ten users of Finance and two of Sales with mail settings and a backup each."""

import datetime

import pytest
from django.utils import timezone

from tests import factories

OLD, NEW = factories.settings(theme="light"), factories.settings(theme="dark")


@pytest.fixture
def mail(acme):
    return factories.settings_group(acme, "Mail client")


@pytest.fixture
def people(acme, mail):
    """{name: (user, profile, backup)}: everybody's settings differ from yesterday's backup."""
    found = {}
    yesterday = timezone.now() - datetime.timedelta(days=1)
    for number in range(12):
        group = acme.finance if number < 10 else acme.sales
        user = factories.managed_user(acme, f"user{number:02}", group=group)
        profile = factories.profile(acme, user, mail, NEW, version=3)
        found[user.name] = user, profile, factories.backup(acme, profile, OLD, created_at=yesterday)
    return found
