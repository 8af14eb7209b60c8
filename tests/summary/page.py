"""Users with data, a count, and what the summary page shows of it."""

import re
import uuid
from datetime import timedelta

from django.utils import timezone

from personalization import summary
from personalization.models import ManagedUser, SummaryCount
from tests import factories

LIGHT, DARK = factories.settings(theme="light"), factories.settings(theme="dark", zoom="110", font="12")


def crowd(world, *, finance=3, sales=2):
    """Users of two groups with settings, backups, deleted and protected ones, and contents that they share."""
    mail, wallpaper = factories.settings_group(world, "Mail"), factories.settings_group(world, "Wallpaper", "windows")
    now = timezone.now()
    for number in range(finance + sales):
        group = world.finance if number < finance else world.sales
        user = factories.managed_user(world, f"user{number:02}", group=group)
        with world.context():
            logon = now - timedelta(days=29 if number % 2 else 31)
            ManagedUser.objects.filter(pk=user.pk).update(last_logon_at=logon)
        current = factories.profile(world, user, mail, factories.settings(theme="dark", user=f"user number {number}"))
        factories.profile(world, user, wallpaper)  # nothing stored
        factories.backup(world, current, LIGHT)
        factories.backup(world, current, DARK, protected_until=now + timedelta(days=1))
        factories.backup(world, current, DARK, protected_until=now - timedelta(days=1))
        factories.backup(world, current, factories.settings(gone=f"{number}"), deleted_at=now)
    return mail


def tiles(browser, world):
    """Return {label: (figure, note)} of the page."""
    answer = browser.get(world.url("summary/"))
    assert answer.status_code == 200
    found = re.findall(
        r'<span class="stat-label">(?:<svg.*?</svg>)?([^<]+)</span><strong class="tabular">(.*?)</strong>'
        r'(?:<span class="stat-note[^"]*">(.*?)</span>)?',
        answer.content.decode(),
    )
    return {label: (re.sub("<[^>]+>", "", figure), note) for label, figure, note in found}


def press(browser, world, submission=None):
    return browser.post(world.url("summary/count/"), {"submission": str(submission or uuid.uuid4())})


def counted(world, *, at=None):
    """Count now; `at` sets of when the figures seem to be."""
    assert summary.count(world.pk)
    if at:
        with world.context():
            SummaryCount.objects.update(counted_at=at)
