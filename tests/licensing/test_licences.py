"""The Licences page: Subscription Details and License Usage."""

import pytest

from accounts.models import Membership
from config.errors import Refused
from licensing.actions.operator import change_purchase
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def licences_page(world, group, member, sign_in):
    return sign_in(member).get(people.page_url(world, group, "licences/")).text


@pytest.mark.spec("LG-134", "LG-135", "LG-137")
def test_a_subscription_shows_plan_count_use_and_frequency(acme, group, user, admin, erin, by, sign_in):
    people.invited(acme, group, "new@else.test", by=by)
    page = licences_page(acme, group, erin, sign_in)
    details = page.partition('id="subscription"')[2].partition("</section>")[0]
    for words in ("Standard", "Subscription", "yearly", "<dd>5</dd>", "<dd>1</dd>"):
        assert words in details
    assert "20 % of all" in page
    assert 'max="5" value="1"' in page


@pytest.mark.spec("LG-136")
def test_a_term_plan_has_no_subscription_details(acme, anna, sign_in):
    term = people.license_group(acme, anna, billing="term", frequency="monthly")
    page = licences_page(acme, term, anna, sign_in)
    assert "Subscription Details" not in page
    assert "monthly" not in page
    assert "License Usage" in page


@pytest.mark.spec("LG-14", "LG-61", "LG-135", "LG-143")
def test_admins_and_invitations_use_no_licence(acme, group, admin, erin, by, sign_in):
    people.invited(acme, group, "new@else.test", by=by)
    assert "0 % of all" in licences_page(acme, group, erin, sign_in)
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-138")
def test_the_page_says_who_changes_the_number_and_has_no_form_for_it(acme, group, anna, sign_in):
    page = licences_page(acme, group, anna, sign_in)
    assert "The platform operator changes their number, in steps of five" in page
    assert 'name="seats"' not in page


@pytest.mark.spec("LG-138", "LG-139")
def test_the_number_changes_in_steps_of_five_and_not_below_use(acme, group, user):
    def change(seats):
        change_purchase(
            tenant_id=acme.pk,
            group_id=group.pk,
            version=people.fresh(acme, group).version,
            purchase=people.purchase(seats),
            by=people.OLGA,
        )

    for seats, code in ((0, "seats-in-use"), (7, "seats-step")):
        with pytest.raises(Refused) as refusal:
            change(seats)
        assert refusal.value.code == code
    change(10)
    assert people.fresh(acme, group).free == 9


def test_a_place_of_somebody_whose_access_ended_is_kept_counted_and_flagged(acme, group, user, frank, anna, sign_in):
    """UM-E2."""
    assert "consider removing" not in licences_page(acme, group, anna, sign_in)
    with acme.context():
        Membership.objects.filter(pk=frank.pk).update(is_active=False)
    page = licences_page(acme, group, anna, sign_in)
    assert "inactive: consider removing" in page
    assert "frank@acme.test" in page
    assert people.used(acme, group) == 1


def test_a_full_group_is_told_so(acme, anna, frank, sign_in):
    small = people.license_group(acme, anna, seats=1)
    people.join(acme, small, frank)
    assert "none left" in licences_page(acme, small, anna, sign_in)
    empty = people.license_group(acme, anna, seats=0, name="Empty")
    assert "0 % of all" in licences_page(acme, empty, anna, sign_in)
