"""The same contract over two real servers."""

import pytest


@pytest.fixture(
    params=[
        pytest.param("openldap", marks=pytest.mark.xdist_group("slapd")),
        pytest.param("samba_ad", marks=[pytest.mark.ad, pytest.mark.xdist_group("samba")]),
    ]
)
def config(request):
    """The connection to OpenLDAP, then to Active Directory."""
    return request.getfixturevalue(request.param)
