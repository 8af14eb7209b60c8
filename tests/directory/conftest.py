"""The same contract over two real servers."""

import pytest

from accounts.directory import CredentialsRefused, Directory


@pytest.fixture(
    params=[
        pytest.param("openldap", marks=pytest.mark.xdist_group("slapd")),
        pytest.param("samba_ad", marks=[pytest.mark.ad, pytest.mark.xdist_group("samba")]),
    ]
)
def config(request):
    """The connection to OpenLDAP, then to Active Directory."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def directory(config):
    return Directory(config)


def names(entries):
    return [entry.name for entry in entries]


def refusal(directory, login, password):
    with pytest.raises(CredentialsRefused) as refused:
        directory.authenticate(login=login, password=password)
    return refused.value.reason
