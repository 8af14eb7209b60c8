"""A license group of acme: Alice owns it, Erin is Admin, Frank is User; one of globex that Charlie owns."""

import pytest

from licensing.actions.invitations import invite
from tests import factories
from tests.licensing import cast, people

anna, frank, group = cast.anna, cast.frank, cast.group


@pytest.fixture
def erin(acme):
    return people.person(acme, "Erin Egger")


@pytest.fixture
def owner(acme, group, anna):
    return people.row_of(acme, group, "anna@acme.test")


@pytest.fixture
def admin(acme, group, erin):
    """Erin: Admin only."""
    return people.join(acme, group, erin, is_user=False, is_admin=True)


@pytest.fixture
def user(acme, group, frank):
    """Frank: User only."""
    return people.join(acme, group, frank)


@pytest.fixture
def by(group, anna):
    """The owner acts."""
    return factories.actor(anna)


@pytest.fixture
def desk(group, anna, sign_in):
    """The browser of Anna, owner and Admin."""
    return sign_in(anna)


@pytest.fixture
def pending(acme, group, by):
    """An invitation as User that nobody has accepted."""
    return people.invited(acme, group, "ines@acme.test", by=by)


@pytest.fixture
def invited(acme, group, by):
    """Return a function: the pending row of an address."""

    def make(address="ida@acme.test", *, world=acme, of=group, who=by, **roles):
        with world.context():
            roles = {"is_user": True, "is_admin": False} | roles
            invite(tenant_id=world.pk, group_id=of.pk, addresses=[(address, address)], by=who, **roles)
        return people.row_of(world, of, address)

    return make


@pytest.fixture
def ida(acme):
    return people.person(acme, "Ida Ilg")


@pytest.fixture
def bells(monkeypatch):
    """The tenants whose mails were rung for; no broker is asked."""
    rung = []
    monkeypatch.setattr("licensing.views.invite.ring_mails_on_commit", rung.append)
    return rung
