"""Administrators of one group each, and a broker that is listened to."""

import uuid

import pytest

from config import bell
from tests import factories


@pytest.fixture
def erin(acme):
    """Administrator of Finance."""
    return factories.member(acme, "Erin Egger", "erin", role="persops.admin", groups=[acme.finance])


@pytest.fixture
def dave(acme):
    """Support Desk of Finance through a group, Administrator of Sales by an own entry."""
    row = factories.member(acme, "Dave Dorn", "dave", role="persops.admin", groups=[acme.sales])
    desk = factories.group(acme, "Helpdesk Finance", members=[row])
    factories.entry(acme, desk, "persops.support_desk", [acme.finance])
    return row


@pytest.fixture
def heard(monkeypatch):
    """What the broker was asked for: [(task, tenant)]."""
    calls = []
    monkeypatch.setattr(
        bell.app, "send_task", lambda name, args, countdown, producer: calls.append((name, uuid.UUID(args[0])))
    )
    return calls
