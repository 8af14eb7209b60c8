"""Frank is User of a license group of acme that Anna owns: what licensing and My Persona are both tried with."""

import pytest

from tests.licensing import people


@pytest.fixture
def anna(acme):
    """The owner: Admin, no User."""
    return people.person(acme, "Anna Ahlers")


@pytest.fixture
def frank(acme):
    return people.person(acme, "Frank Fuchs")


@pytest.fixture
def group(acme, anna):
    """Five seats, nobody on them."""
    return people.license_group(acme, anna)
