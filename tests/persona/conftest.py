"""Frank is User of a license group of acme that Anna owns."""

import pytest

from tests.licensing import cast, people
from tests.persona import panels

anna, frank, group = cast.anna, cast.frank, cast.group


@pytest.fixture
def place(acme, group, frank):
    """Frank's membership as User."""
    return people.join(acme, group, frank)


@pytest.fixture
def franks(place, frank, sign_in):
    """Frank's browser."""
    return sign_in(frank)


@pytest.fixture
def panel(place, frank):
    """Frank's panel Office with the starter's five tiles."""
    return panels.panel(frank.user, "Office")
