"""A browser for every role, and acme's connection to a real directory."""

import pytest

from accounts.actions import set_directory
from audit.actions import Actor
from audit.models import Channel
from tests import factories

SERVER = Actor(id=None, name="server command", channel=Channel.COMMAND)


def connect(world, config, name="Head office"):
    """Return the DirectoryConnection of a tenant to the directory of this configuration."""
    settings = {field: getattr(config, field) for field in ("kind", "url", "ca_file", "base_dn", "bind_dn", "domain")}
    with world.context():
        return set_directory(
            tenant_id=world.pk, name=name, settings=settings, bind_password=config.bind_password, by=SERVER
        )


@pytest.fixture
def directory(acme, openldap):
    """Acme's connection to a real OpenLDAP with an organisational unit of 12,500 people."""
    return connect(acme, openldap)


@pytest.fixture
def primary(alice, sign_in):
    """The browser of Alice, the Primary Administrator."""
    return sign_in(alice)


@pytest.fixture
def dora(acme):
    """A local person without an entry."""
    return factories.member(acme, "Dora Dahl", "dora")


@pytest.fixture
def by(alice):
    return factories.actor(alice)
