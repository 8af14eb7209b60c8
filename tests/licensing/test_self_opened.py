"""Nobody raises themselves: an Admin who opens a way into the role User is not admitted on it (decision 20)."""

import pytest
from django.utils import timezone

from accounts.models import Membership
from config.errors import Refused
from licensing.actions.blocks import unblock
from licensing.actions.devices import renew_key
from licensing.actions.groups import ask_domain, drop_domain
from licensing.models import Device, LicenseRoleBlock
from licensing.usage import waiting_for_seats
from tests import factories
from tests.licensing import device_cast, people
from tests.licensing.devices import Api, block, device, refusal, with_password
from tests.licensing.test_admission import sign_in as joins
from tests.licensing.test_devices import switch

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
ida = device_cast.ida
NOTE = "it does not make you User yourself"


@pytest.fixture
def erins(erin, admin):
    """Erin, Admin but not owner, acts."""
    with_password(erin)
    return factories.actor(erin)


def set_domain(world, group, by):
    with world.context():
        ask_domain(tenant_id=world.pk, group_id=group.pk, domain="acme.test", address=None, by=by)


@pytest.mark.spec("LG-141")
def test_the_admin_who_set_the_domain_does_not_become_user_by_it_and_others_do(acme, group, erin, erins, admin, ida):
    set_domain(acme, group, erins)
    assert joins(acme, erin) is None
    assert not people.fresh(acme, admin).is_user
    assert joins(acme, ida).is_user


def test_once_another_admin_has_set_the_domain_it_admits_that_admin_too(acme, group, erin, erins, by):
    set_domain(acme, group, erins)
    with acme.context():
        drop_domain(tenant_id=acme.pk, group_id=group.pk, by=by)
    set_domain(acme, group, by)
    assert joins(acme, erin).is_user


def test_the_admin_who_switched_auto_assign_on_does_not_become_user_by_it(acme, group, erin, erins, by):
    set_domain(acme, group, by)
    switch(acme, group, by, auto_assign_users=False)
    switch(acme, group, erins)
    assert joins(acme, erin) is None
    switch(acme, group, by, tells_blocked=False)  # another switch says nothing of this one
    assert joins(acme, erin) is None
    switch(acme, group, by, auto_assign_users=False)
    switch(acme, group, by)
    assert joins(acme, erin).is_user


def test_the_owner_may_open_the_way_for_themselves(acme, group, anna, by):
    set_domain(acme, group, by)
    assert joins(acme, anna).is_user


def test_who_opened_the_way_and_left_does_not_come_back_on_it(acme, group, erin, erins, admin, by):
    set_domain(acme, group, erins)
    people.change(acme, admin, status="ended", ended_at=timezone.now(), end_reason="left")
    assert joins(acme, erin) is None


@pytest.mark.spec("LG-141")
def test_a_device_does_not_admit_the_admin_who_has_its_key(acme, group, erins, admin, ida):
    _row, key = device(acme, group, by=erins)
    assert refusal(Api(acme, key).sign_in("erin")) == (403, "own-rights-raised")
    assert not people.fresh(acme, admin).is_user
    assert Api(acme, key).sign_in("ida").status_code == 200


def test_a_device_admits_an_admin_until_they_have_made_themselves_another_key(acme, group, erins, admin, by):
    row, key = device(acme, group, by=by)
    with acme.context():
        _row, key = renew_key(
            tenant_id=acme.pk, group_id=group.pk, device_id=row.pk, version=Device.objects.get().version, by=erins
        )
    assert refusal(Api(acme, key).sign_in("erin")) == (403, "own-rights-raised")
    with acme.context():
        _row, key = renew_key(
            tenant_id=acme.pk, group_id=group.pk, device_id=row.pk, version=Device.objects.get().version, by=by
        )
    assert Api(acme, key).sign_in("erin").status_code == 200
    assert people.fresh(acme, admin).is_user


def test_whoever_opened_the_way_does_not_count_as_waiting_for_a_seat(acme, group, erin, erins, anna, ida):
    set_domain(acme, group, erins)
    with acme.context():
        Membership.objects.update(signed_in_at=timezone.now())
        assert waiting_for_seats(group, "acme.test") == 2  # Anna and Ida
    switch(acme, group, factories.actor(anna), auto_assign_users=False)
    switch(acme, group, factories.actor(anna))
    with acme.context():
        assert waiting_for_seats(people.fresh(acme, group), "acme.test") == 2  # the owner may


def test_settings_tell_whoever_opened_the_way_that_another_admin_can_give_the_role(
    acme, group, erin, erins, admin, desk, sign_in, by
):
    url = people.page_url(acme, group, "settings/")
    browser = sign_in(erin)
    assert NOTE not in browser.get(url).text
    set_domain(acme, group, erins)
    assert NOTE in browser.get(url).text
    assert NOTE not in desk.get(url).text
    people.change(acme, admin, is_user=True)
    assert NOTE not in browser.get(url).text


@pytest.mark.spec("LG-130")
def test_an_admin_does_not_lift_their_own_block_and_another_admin_does(
    acme, group, erin, erins, admin, user, by, sign_in
):
    block(acme, group, "erin@acme.test", by)
    block(acme, group, "else@acme.test", by)
    with acme.context():
        ids = list(LicenseRoleBlock.objects.order_by("address_key").values_list("pk", flat=True))
        with pytest.raises(Refused) as caught:
            unblock(tenant_id=acme.pk, group_id=group.pk, block_ids=ids, by=erins)
    assert caught.value.code == "own-rights-raised"
    url = people.page_url(acme, group, f"blocked/{ids[1]}/remove/")
    answer = sign_in(erin).post(url, {"confirmed": "yes"})
    assert answer.status_code == 422
    assert "another Admin can" in answer.text
    assert people.blocks(acme, group) == {"else@acme.test", "erin@acme.test"}
    with acme.context():
        assert unblock(tenant_id=acme.pk, group_id=group.pk, block_ids=ids, by=by) == 2


def test_the_owner_lifts_their_own_block(acme, group, anna, by):
    block(acme, group, "anna@acme.test", by)
    with acme.context():
        ids = list(LicenseRoleBlock.objects.values_list("pk", flat=True))
        assert unblock(tenant_id=acme.pk, group_id=group.pk, block_ids=ids, by=by) == 1
