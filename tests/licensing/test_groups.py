"""Settings, domains and what the operator alone does."""

from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from publicsuffixlist import PublicSuffixList

from config.errors import Conflict, Refused
from licensing import public_domains
from licensing.actions.groups import ask_domain, change_settings, confirm_domain, drop_domain
from licensing.actions.operator import change_purchase, create_group, transfer_ownership
from licensing.models import GroupDomain, LicenseGroup
from licensing.public_domains import is_provider
from tests import factories
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def change(world, group, *, by, **more):
    values = {"name": group.name, "auto_assign_users": True, "auto_assign_devices": True, "tells_blocked": True} | more
    with world.context():
        return change_settings(tenant_id=world.pk, group_id=group.pk, version=group.version, by=by, **values)


def domain(world, group, name, address=None, *, by):
    with world.context():
        pair = (address, address) if address else None
        return ask_domain(tenant_id=world.pk, group_id=group.pk, domain=name, address=pair, by=by)


def code_of(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


@pytest.mark.spec("LG-01", "LG-18", "LG-19", "LG-140", "LG-159")
def test_a_purchase_makes_a_group_with_its_owner_as_admin(acme, anna):
    address = "anna@acme.test"
    group = create_group(
        tenant_id=acme.pk, owner=anna, address=(address, address), purchase=people.purchase(10), by=people.OLGA
    )
    row = people.row_of(acme, group, address)
    assert (group.name, group.auto_assign_users, group.auto_assign_devices) == ("acme.test", True, True)
    assert (row.is_owner, row.is_admin, row.is_user, row.first_name, row.last_name) == (
        True, True, False, "Anna", "Ahlers",
    )  # fmt: skip
    assert people.verbs(acme, group) == ["licensegroup.created"]


@pytest.mark.spec("LG-158", "LG-163")
def test_name_and_switches_change_with_one_event_and_a_stale_page_is_a_conflict(acme, group, by):
    changed = change(acme, group, name="  Front   panels ", auto_assign_users=False, by=by)
    assert (changed.name, changed.auto_assign_users, changed.version) == ("Front panels", False, 2)
    assert people.verbs(acme, group)[-1] == "licensegroup.changed"
    assert change(acme, changed, name="Front panels", auto_assign_users=False, by=by).version == 2
    with pytest.raises(Conflict):
        change(acme, group, name="Late", by=by)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_name_has_1_to_100_characters(acme, group, by, name):
    assert code_of(lambda: change(acme, group, name=name, by=by)) == "name"


def test_a_mere_user_changes_no_settings(acme, group, user, frank):
    with pytest.raises(PermissionDenied):
        change(acme, group, name="Mine", by=factories.actor(frank))


@pytest.mark.spec("LG-161")
def test_the_own_domain_is_valid_at_once_and_another_by_a_link_into_it(acme, group, by):
    assert domain(acme, group, "acme.test", by=by).validated_at
    assert code_of(lambda: domain(acme, group, "else.test", by=by)) == "domain-address"
    assert code_of(lambda: domain(acme, group, "else.test", "x@acme.test", by=by)) == "domain-address"
    row = domain(acme, group, "else.test", "postmaster@else.test", by=by)
    assert (row.validated_at, row.mail_state, row.asked_of) == (None, "pending", "postmaster@else.test")
    for pair in (None, (row.pk, row.generation - 1), (group.pk, 1)):
        with acme.context():
            assert code_of(lambda pair=pair: confirm_domain(tenant_id=acme.pk, pair=pair, by=by)) == "dead"
    with acme.context():
        assert confirm_domain(tenant_id=acme.pk, pair=(row.pk, row.generation), by=by).validated_at
        assert code_of(lambda: confirm_domain(tenant_id=acme.pk, pair=(row.pk, row.generation), by=by)) == "dead"


@pytest.mark.spec("LG-161")
@pytest.mark.parametrize(
    "name",
    [
        "gmail.com",
        "web.de",
        "ymail.com",
        "yahoo.it",
        "hotmail.es",
        "gmx.fr",
        "laposte.net",
        "arcor.de",
        "mail.gmail.com",
    ],
)
def test_domains_open_to_everybody_are_refused(acme, group, by, name):
    assert code_of(lambda: domain(acme, group, name, f"me@{name}", by=by)) == "public-domain"


@pytest.mark.spec("LG-161")
def test_the_list_of_mail_providers_is_sorted_and_holds_registrable_domains_only():
    text = Path(public_domains.__file__).with_name("public_domains.txt").read_text(encoding="ascii")
    names = [line for line in text.splitlines() if not line.startswith("#")]
    assert names == sorted(set(names))
    assert len(names) > 1000
    suffixes = PublicSuffixList()
    assert [name for name in names if suffixes.privatesuffix(name) != name] == []
    assert all(map(is_provider, names[::10]))
    assert not any(map(is_provider, ["acme.test", "siemens.com", "ethz.ch", "mygmail.com", "gmail.com.acme.test"]))


@pytest.mark.spec("LG-161")
def test_a_public_suffix_is_nobodys_even_with_a_link_that_is_older_than_this_rule(acme, group, by):
    assert code_of(lambda: domain(acme, group, "github.io", "me@github.io", by=by)) == "public-suffix"
    row = domain(acme, group, "else.test", "postmaster@else.test", by=by)
    people.change(acme, row, domain="co.uk")
    with acme.context():
        assert (
            code_of(lambda: confirm_domain(tenant_id=acme.pk, pair=(row.pk, row.generation), by=by)) == "public-suffix"
        )
    assert people.fresh(acme, row).validated_at is None


@pytest.mark.spec("LG-162")
def test_one_domain_is_valid_in_one_group_of_a_tenant(acme, globex, anna, group, by):
    other = people.license_group(acme, anna, name="Copiers")
    first = domain(acme, group, "else.test", "a@else.test", by=by)
    second = domain(acme, other, "else.test", "b@else.test", by=by)
    with acme.context():
        confirm_domain(tenant_id=acme.pk, pair=(first.pk, first.generation), by=by)
    with acme.context(), pytest.raises(Conflict):
        confirm_domain(tenant_id=acme.pk, pair=(second.pk, second.generation), by=by)
    with pytest.raises(Conflict):
        domain(acme, other, "else.test", "b@else.test", by=by)
    gina = people.person(globex, "Gina Gerber")
    there = people.license_group(globex, gina)
    row = domain(globex, there, "else.test", "c@else.test", by=factories.actor(gina))
    with globex.context():
        assert confirm_domain(tenant_id=globex.pk, pair=(row.pk, row.generation), by=factories.actor(gina))


def test_a_domain_can_be_taken_away(acme, group, by):
    domain(acme, group, "acme.test", by=by)
    with acme.context():
        drop_domain(tenant_id=acme.pk, group_id=group.pk, by=by)
        assert not GroupDomain.objects.exists()
    assert people.verbs(acme, group)[-1] == "licensegroup.domain-dropped"


def buy(world, group, seats, **more):
    return change_purchase(
        tenant_id=world.pk,
        group_id=group.pk,
        version=people.fresh(world, group).version,
        purchase=people.purchase(seats, **more),
        by=people.OLGA,
    )


@pytest.mark.spec("LG-138", "LG-139")
def test_seats_change_in_steps_of_five_and_never_below_those_in_use(acme, anna):
    group = people.license_group(acme, anna, seats=10)
    for number in range(6):
        people.join(acme, group, people.person(acme, f"P{number} Muster"))
    assert code_of(lambda: buy(acme, group, 5)) == "seats-in-use"
    assert code_of(lambda: buy(acme, group, 13)) == "seats-step"
    assert buy(acme, group, 15, plan="Large").seats == 15
    assert people.fresh(acme, group).plan == "Large"
    assert people.verbs(acme, group)[-1] == "licensegroup.purchase-changed"


@pytest.mark.parametrize(
    "wrong", [{"seats": -5}, {"seats": 10**7}, {"billing": "never"}, {"plan": ""}, {"plan": "x" * 61}]
)
def test_a_purchase_that_cannot_be_is_refused_at_its_field(acme, group, wrong):
    with pytest.raises(Refused) as caught:
        buy(acme, group, **({"seats": 5} | wrong))
    assert caught.value.field == next(iter(wrong))


@pytest.mark.spec("LG-22")
def test_ownership_moves_to_an_active_member_and_the_old_owner_stays_admin(acme, group, owner, user, by):
    moved = transfer_ownership(
        tenant_id=acme.pk, group_id=group.pk, member_id=user.pk, version=group.version, by=people.OLGA
    )
    old, new = people.fresh(acme, owner), people.fresh(acme, user)
    assert (old.is_owner, old.is_admin) == (False, True)
    assert (new.is_owner, new.is_admin, new.is_user) == (True, True, True)
    assert people.verbs(acme, group)[-1] == "licensegroup.transferred"
    with pytest.raises(Conflict):
        transfer_ownership(
            tenant_id=acme.pk, group_id=group.pk, member_id=old.pk, version=moved.version, by=people.OLGA
        )


@pytest.mark.parametrize("who", ["ended", "of another group", "the owner"])
def test_ownership_moves_to_nobody_else(acme, anna, frank, group, owner, user, by, who):
    if who == "ended":
        with acme.context():
            type(user).objects.filter(pk=user.pk).delete()
    other = people.license_group(acme, anna, name="Copiers")
    target = {"ended": user, "the owner": owner, "of another group": people.row_of(acme, other, "anna@acme.test")}[who]
    with pytest.raises(Refused) as caught:
        transfer_ownership(
            tenant_id=acme.pk, group_id=group.pk, member_id=target.pk, version=group.version, by=people.OLGA
        )
    assert caught.value.field == "member"
    assert LicenseGroup.objects.using("operator").get(pk=group.pk).version == group.version
