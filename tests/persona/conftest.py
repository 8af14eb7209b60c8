"""Frank is User of a license group of acme that Anna owns."""

import pytest

from tests.licensing import people
from tests.persona import panels


@pytest.fixture
def anna(acme):
    """The owner of the group: Admin, no User."""
    return people.person(acme, "Anna Ahlers")


@pytest.fixture
def frank(acme):
    return people.person(acme, "Frank Fuchs")


@pytest.fixture
def group(acme, anna):
    return people.license_group(acme, anna)


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
