"""Nothing of these tests rings the real broker; who needs workers starts them on a broker of the test."""

import pytest

from config import bell
from tests import factories


@pytest.fixture(autouse=True)
def rings(monkeypatch):
    """Return the list of (tenant id, seconds) of every ring."""
    heard = []
    monkeypatch.setattr(
        bell.app, "send_task", lambda name, args, countdown, producer: heard.append((args[0], countdown or 0))
    )
    return heard


@pytest.fixture
def adam(acme):
    """Administrator of Finance in acme."""
    return factories.member(acme, "Adam Ahrens", "adam", role="persops.admin", groups=[acme.finance])


@pytest.fixture
def sara(acme):
    """Administrator of Sales in acme."""
    return factories.member(acme, "Sara Sommer", "sara", role="persops.admin", groups=[acme.sales])
