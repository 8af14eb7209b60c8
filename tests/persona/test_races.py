"""Many windows of one account at once: never a sixth panel, never two active ones, no error page."""

import threading

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client

from tests.persona import panels

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
WINDOWS = 8


def at_once(browser, requests):
    """Return the status of each (address, fields), all posted at the same moment in the same session."""
    key = browser.cookies[settings.SESSION_COOKIE_NAME].value
    start, found = threading.Barrier(len(requests)), []

    def send(address, fields):
        window = Client()
        window.cookies[settings.SESSION_COOKIE_NAME] = key
        try:
            start.wait(timeout=30)
            found.append(window.post(address, fields).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=request) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return sorted(found)


@pytest.mark.spec("LG-146")
def test_of_eight_panels_made_at_once_five_are_there(franks, frank):
    forms = [{"name": f"Panel {number}", "start": "blank"} | panels.submission() for number in range(WINDOWS)]
    assert at_once(franks, [("/persona/add/", form) for form in forms]) == [303] * 5 + [422] * 3
    assert len(panels.stored(frank.user)) == 5


@pytest.mark.spec("LG-147")
def test_of_panels_activated_at_once_one_is_active(franks, frank):
    made = [panels.panel(frank.user, f"Panel {slot}", slot=slot) for slot in range(1, 6)]
    assert at_once(franks, [(f"/persona/{one.pk}/activate/", {}) for one in made]) == [303] * 5
    assert sum(active for *_rest, active in panels.stored(frank.user).values()) == 1


def test_of_two_savings_of_the_same_version_one_wins(franks, panel, frank):
    layouts = [panels.layout(panels.tile(label=f"Window {number}")) for number in range(2)]
    saved = at_once(
        franks, [(f"/persona/{panel.pk}/", panels.draft(panel, "save", layout=layout)) for layout in layouts]
    )
    assert saved == [303, 409]
    assert panels.stored(frank.user)[panel.pk][1] in layouts
