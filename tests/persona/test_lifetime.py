"""Panels belong to the account: leaving, removing, blocking and another group change nothing about them."""

import pytest

from accounts.models import Membership
from audit.models import Event
from licensing.actions.blocks import block_members, unblock
from licensing.actions.members import leave, remove_members, set_roles
from licensing.models import LicenseRoleBlock
from personalization.models import PersonalUI
from tests import factories
from tests.licensing import people
from tests.persona import panels

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def two_panels(panel, frank):
    """Two panels, the second active: {id: (name, layout, is_active)}."""
    panels.panel(frank.user, "Home office", slot=2, is_active=True, layout=panels.layout(panels.tile("t1", "fax")))
    return panels.stored(frank.user)


def open_pages(client, panel):
    """Return the answers' status of the list, the editor and a change."""
    return (
        client.get(panels.LIST).status_code,
        client.get(f"/persona/{panel.pk}/").status_code,
        client.post(f"/persona/{panel.pk}/", panels.draft(panel, "add:fax")).status_code,
    )


def do(world, action, **arguments):
    with world.context():
        return action(tenant_id=world.pk, **arguments)


def leave_group(acme, group, place, frank, owner):
    do(acme, leave, group_id=group.pk, by=factories.actor(frank))


def be_removed(acme, group, place, frank, owner):
    do(acme, remove_members, group_id=group.pk, shown=people.shown(place), by=owner)


def be_blocked(acme, group, place, frank, owner):
    do(acme, block_members, group_id=group.pk, shown=people.shown(place), by=owner)


def become_admin_only(acme, group, place, frank, owner):
    do(
        acme, set_roles, group_id=group.pk, shown=people.shown(place), is_user=False, is_admin=True, by=owner
    )  # fmt: skip


WAYS = [leave_group, be_removed, be_blocked, become_admin_only]


@pytest.mark.spec("LG-11", "LG-94", "LG-108", "LG-133", "LG-152", "LG-89")
@pytest.mark.parametrize("way", WAYS)
def test_losing_the_role_closes_the_pages_with_the_next_request_and_keeps_every_panel(
    acme, group, place, frank, anna, franks, panel, two_panels, way
):
    assert open_pages(franks, panel) == (200, 200, 200)
    way(acme, group, place, frank, factories.actor(anna))
    assert open_pages(franks, panel) == (403, 403, 403)
    assert franks.post(f"/persona/{panel.pk}/delete/", {"version": 1, "confirmed": "yes"}).status_code == 403
    assert panels.stored(frank.user) == two_panels


@pytest.mark.spec("LG-108", "LG-152")
def test_with_the_role_again_in_the_same_group_everything_is_back_as_it_was(
    acme, group, place, frank, anna, franks, panel, two_panels
):
    owner = factories.actor(anna)
    be_blocked(acme, group, place, frank, owner)
    with acme.context():
        blocked = list(LicenseRoleBlock.objects.filter(group_id=group.pk).values_list("pk", flat=True))
    do(acme, unblock, group_id=group.pk, block_ids=blocked, by=owner)
    assert franks.get(panels.LIST).status_code == 403
    people.join(acme, group, frank)
    assert open_pages(franks, panel) == (200, 200, 200)
    assert panels.stored(frank.user) == two_panels


@pytest.mark.spec("LG-12", "LG-94", "LG-152")
def test_as_user_of_a_group_of_another_organisation_the_same_panels_are_there(
    acme, globex, group, place, frank, anna, charlie, franks, panel, two_panels
):
    be_removed(acme, group, place, frank, factories.actor(anna))
    gina = people.person(globex, "Gina Grau")
    other = people.license_group(globex, gina, name="Copiers")
    with globex.context():
        there = Membership.objects.create(
            tenant=globex.tenant, user=frank.user, login="frank", name="Frank Fuchs", source="local"
        )
    people.join(globex, other, there, address="frank@acme.test")
    assert open_pages(franks, panel) == (200, 200, 200)
    assert panels.stored(frank.user) == two_panels
    franks.post(f"/persona/{panel.pk}/rename/", {"name": "Lobby", "version": 1})
    assert "panel.renamed" not in people.verbs(globex, other)
    with globex.context():
        told = Event.objects.get(verb="panel.renamed")
    assert told.actor_id == there.pk


def test_a_panel_has_no_key_to_group_or_tenant():
    pointing = {field.related_model.__name__ for field in PersonalUI._meta.get_fields() if field.is_relation}
    assert pointing == {"User"}


@pytest.mark.spec("LG-153")
def test_the_end_of_the_membership_deletes_no_panel(acme, group, place, frank, anna, two_panels):
    be_removed(acme, group, place, frank, factories.actor(anna))
    with acme.context():
        Membership.objects.filter(pk=frank.pk).delete()
    assert panels.stored(frank.user) == two_panels
