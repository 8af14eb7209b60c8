"""A console in Chromium: acme with settings, backups, people signed in by cookie."""

import datetime

import pytest
from django.conf import settings
from django.utils import timezone

from tests import factories


@pytest.fixture
def console(live_server):
    """Acme: Alice, Bob and Erin; twelve users of Finance whose mail settings differ from yesterday's backup."""
    acme = factories.world("acme", "Acme Industries")
    people = {
        "alice": factories.member(acme, "Alice Adler", "alice", role="persops.primary_admin"),
        "bob": factories.member(acme, "Bob Brandt", "bob", role="persops.support_desk", groups=[acme.finance]),
        "erin": factories.member(acme, "Erin Egger", "erin", role="persops.admin", groups=[acme.finance]),
    }
    mail, wallpaper = (
        factories.settings_group(acme, "Mail client"),
        factories.settings_group(acme, "Wallpaper", "windows"),
    )
    yesterday = timezone.now() - datetime.timedelta(days=1)
    users = []
    for number in range(12):
        user = factories.managed_user(acme, f"user{number:02}", display_name=f"User {number:02}")
        profile = factories.profile(acme, user, mail, factories.settings(theme="dark", zoom="110"))
        factories.profile(acme, user, wallpaper, factories.settings(picture="hills.jpg"))
        factories.backup(acme, profile, factories.settings(theme="light"), created_at=yesterday)
        users.append((user, profile))
    return acme, people, users


@pytest.fixture
def opened(console, live_server, new_context, sign_in):
    """Return a function: somebody of the console, or a given member, opens an address.

    A script error or a policy violation fails the test, and an answer of the server that is not in `expected`.
    """
    acme, people, _ = console
    problems, expected = [], ["status of 4"]

    def open_page(who, path, *, width=1280, height=800, scheme="light", script=True):
        session = sign_in(people[who] if isinstance(who, str) else who).cookies[settings.SESSION_COOKIE_NAME].value
        context = new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"{live_server.url}{acme.url(path)}")
        return page

    open_page.expected = expected
    yield open_page
    assert [text for text in problems if not any(known in text for known in expected)] == []
