"""A licence that has ended: what is still open, what is kept, and that nothing can be changed."""

import pytest

from audit.models import Event
from audit.tallies import write_open
from config.errors import Refused
from licensing.actions.groups import ask_domain, change_settings, drop_domain
from licensing.actions.members import leave
from licensing.models import GroupDomain, MemberStatus
from tests import factories
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def expired(acme, group, user, by):
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    return people.expire(acme, group)


@pytest.mark.spec("LG-28", "LG-145")
@pytest.mark.parametrize("path", ["", "licences/", "users/", "users/add/", "blocked/", "blocked/add/"])
def test_every_admin_page_leads_to_the_settings_with_a_notice(acme, expired, anna, sign_in, path):
    answer = sign_in(anna).get(people.page_url(acme, expired, path), follow=True)
    assert answer.redirect_chain == [(people.page_url(acme, expired, "settings/"), 303)]
    assert "The licence has expired: until it is renewed" in answer.text


@pytest.mark.spec("LG-28", "LG-145")
@pytest.mark.parametrize("path", ["users/add/", "users/edit/", "users/block/", "users/remove/", "blocked/remove/"])
def test_a_forged_post_to_an_expired_group_is_refused_and_told(acme, expired, user, anna, sign_in, path):
    answer = sign_in(anna).post(
        people.page_url(acme, expired, path), {"shown": f"{user.pk}:{user.version}", "pk": user.pk}
    )
    assert answer.status_code == 422
    assert "has expired. Nothing can be changed until it is renewed." in answer.text
    assert people.fresh(acme, user).status == MemberStatus.ACTIVE
    assert _refusals(acme) == 1


@pytest.mark.spec("LG-28")
def test_a_dialog_of_an_expired_group_leads_there_too(acme, expired, anna, sign_in):
    answer = sign_in(anna).get(people.page_url(acme, expired, "licences/"), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == people.page_url(acme, expired, "settings/")


@pytest.mark.spec("LG-28", "LG-158")
def test_the_settings_can_be_read_and_not_changed(acme, expired, anna, sign_in):
    browser, url = sign_in(anna), people.page_url(acme, expired, "settings/")
    page = browser.get(url).text
    assert str(expired.pk) in page
    assert "Nothing can be changed until the platform operator has renewed the licence" in page
    assert "Send the link again" not in page
    posted = {"name": "Taken over", "version": expired.version}
    answer = browser.post(url, posted)
    assert answer.status_code == 422
    assert "has expired" in answer.text
    assert people.fresh(acme, expired).name == "Printers"


@pytest.mark.spec("LG-28")
def test_the_domain_of_an_expired_group_stays_as_it_is(acme, expired, anna, by, sign_in):
    browser = sign_in(anna)
    answer = browser.post(
        people.page_url(acme, expired, "settings/domain/"), {"domain": "else.test", "address": "a@else.test"}
    )
    assert answer.status_code == 422
    answer = browser.post(people.page_url(acme, expired, "settings/domain/remove/"), {"confirmed": "yes"})
    assert answer.status_code == 422
    with acme.context():
        assert GroupDomain.objects.get().domain == "acme.test"


@pytest.mark.spec("LG-28")
def test_the_actions_themselves_refuse(acme, expired, user, frank, by):
    calls = [
        lambda: change_settings(
            tenant_id=acme.pk, group_id=expired.pk, version=expired.version, name="X",
            auto_assign_users=True, auto_assign_devices=True, tells_blocked=True, by=by,
        ),
        lambda: ask_domain(tenant_id=acme.pk, group_id=expired.pk, domain="acme.test", address=None, by=by),
        lambda: drop_domain(tenant_id=acme.pk, group_id=expired.pk, by=by),
        lambda: leave(tenant_id=acme.pk, group_id=expired.pk, by=factories.actor(frank)),
    ]  # fmt: skip
    for call in calls:
        with acme.context(), pytest.raises(Refused) as refusal:
            call()
        assert refusal.value.code == "license-expired"
    assert people.fresh(acme, user).status == MemberStatus.ACTIVE


@pytest.mark.spec("LG-28", "LG-145")
def test_places_blocks_and_roles_are_kept(acme, expired, user, frank, sign_in):
    assert people.used(acme, expired) == 1
    page = sign_in(frank).get(acme.url("licensing/mine/")).text
    assert "The licence has expired" in page
    assert "<dd>User</dd>" in page


@pytest.mark.spec("LG-28")
def test_nobody_leaves_a_group_whose_licence_has_ended(acme, expired, user, frank, sign_in):
    browser, leave = sign_in(frank), acme.url(f"licensing/mine/{expired.pk}/leave/")
    assert leave not in browser.get(acme.url("licensing/mine/")).text
    for answer in (browser.get(leave), browser.post(leave, {"confirmed": "yes"})):
        assert answer.status_code == 422
        assert "has expired. Nothing can be changed until it is renewed." in answer.text
    assert people.fresh(acme, user).status == MemberStatus.ACTIVE
    assert _refusals(acme) == 2


def test_the_list_of_groups_stays_open_and_other_groups_work(acme, expired, anna, sign_in):
    other = people.license_group(acme, anna, name="Copiers")
    browser = sign_in(anna)
    assert "Expired" in browser.get(acme.url("licensing/groups/")).text
    assert browser.get(people.page_url(acme, other)).status_code == 200


def _refusals(world):
    with world.context():
        write_open(world.pk)
        return Event.objects.filter(tenant_id=world.pk, verb="access.refused").count()
