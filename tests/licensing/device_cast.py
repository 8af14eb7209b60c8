"""Frank and Ida with passwords, and the printer of Anna's group that the device API is asked from."""

import pytest

from tests.licensing.devices import Api, device, person


@pytest.fixture
def frank(acme):
    return person(acme, "Frank Fuchs")


@pytest.fixture
def ida(acme):
    """Of acme, in no license group."""
    return person(acme, "Ida Ilg")


@pytest.fixture
def printer(acme, group, by):
    row, key = device(acme, group, by=by)
    row.plain = key
    return row


@pytest.fixture
def api(acme, printer):
    """The printer of Anna's group."""
    return Api(acme, printer.plain)
