"""The dashboard: gauge, seats by day, its forecast, people who wait, places to give to somebody else."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership
from licensing.actions.groups import ask_domain
from licensing.actions.invitations import note_seat_wanted
from licensing.usage import seat_days, utc_today
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def dashboard(world, group, member, sign_in):
    answer = sign_in(member).get(people.page_url(world, group))
    assert answer.status_code == 200
    return answer.text


def ago(count):
    return timezone.now() - datetime.timedelta(days=count)


# --- days -----------------------------------------------------------------------------------------------------------


def test_days_without_a_figure_have_that_of_the_day_before(acme, group, user):
    people.seat_history(acme, group, [2, None, None, 3, 3, None])
    with acme.context():
        found = seat_days(people.fresh(acme, group), utc_today())
    assert [day.used for day in found] == [2, 2, 2, 3, 3, 3, 1]
    assert found[-1].day == utc_today()
    assert {day.seats for day in found} == {5}


def test_ninety_days_are_shown_and_begin_with_what_was_before(acme, group):
    people.seat_history(acme, group, [4], ends=utc_today() - datetime.timedelta(days=200))
    people.seat_history(acme, group, [5], ends=utc_today() - datetime.timedelta(days=10))
    with acme.context():
        found = seat_days(group, utc_today())
    assert len(found) == 90
    assert (found[0].used, found[-11].used, found[-12].used, found[-1].used) == (4, 5, 4, 0)


def test_days_of_other_groups_are_not_mixed_in(acme, globex, group, anna, charlie):
    people.seat_history(acme, people.license_group(acme, anna, name="Copiers"), [5] * 20)
    people.seat_history(globex, people.license_group(globex, charlie), [5] * 20)
    with acme.context():
        assert len(seat_days(group, utc_today())) == 1


# --- page -----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("LG-27", "LG-134")
def test_the_page_shows_plan_gauge_and_figures_of_each_day_in_a_table(acme, group, user, anna, sign_in):
    people.seat_history(acme, group, [0, 1, 2])
    page = dashboard(acme, group, anna, sign_in)
    assert "Standard · 1 of 5 licences in use" in page
    assert "<dd>Subscription, yearly</dd>" in page
    assert '<td class="num">1</td><td class="num">20 %</td>' in page
    for figures in ("0 / 5", "1 / 5", "2 / 5"):
        assert f'<td class="num">{figures}</td>' in page
    assert 'class="used" points="' in page
    assert "A forecast appears once there are 14 days of figures; there are 4." in page
    assert 'class="ahead"' not in page


def test_on_the_first_day_a_sentence_stands_instead_of_a_chart_and_words_are_of_one(acme, anna, sign_in):
    single = people.license_group(acme, anna, seats=1, name="Single")
    page = dashboard(acme, single, anna, sign_in)
    assert "0 of 1 licences are in use. From tomorrow on a line shows how that goes" in page
    assert "over the last" not in page
    assert 'class="usage-plot"' not in page
    assert "A forecast appears once there are 14 days of figures; there is 1." in page
    assert '<text class="sub" x="21" y="27">licence</text>' in page
    people.seat_history(acme, single, [0])
    assert "Licences in use over the last 2 days" in dashboard(acme, single, anna, sign_in)


def test_the_forecast_names_its_day_and_its_range(acme, anna, frank, sign_in):
    group = people.license_group(acme, anna, seats=60, name="Large")
    people.seat_history(acme, group, [10 + number for number in range(29)])
    people.change(acme, people.join(acme, group, frank), added_at=ago(1))
    page = dashboard(acme, group, anna, sign_in)
    assert "The licences run out on" in page
    assert "With 95 % certainty" in page
    assert 'class="ahead" points="' in page
    level = people.license_group(acme, anna, seats=60, name="Level")
    people.seat_history(acme, level, [0] * 40)
    assert "The licences do not run out within a year" in dashboard(acme, level, anna, sign_in)


def test_a_full_group_says_so_instead_of_a_date(acme, anna, frank, sign_in):
    group = people.license_group(acme, anna, seats=1, name="Full")
    people.join(acme, group, frank)
    assert "No licence is free." in dashboard(acme, group, anna, sign_in)


def test_people_who_wait_for_a_seat_are_counted_by_way(acme, anna, frank, erin, by, sign_in):
    group = people.license_group(acme, anna, seats=1, name="Full")
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
        Membership.objects.update(signed_in_at=timezone.now())
    row = people.invited(acme, group, "new@else.test", by=by)
    assert "waits for a licence" not in dashboard(acme, group, anna, sign_in)
    people.join(acme, group, frank)
    assert "2 people wait for a licence" in dashboard(acme, group, anna, sign_in)  # Anna and Erin
    with acme.context():
        note_seat_wanted(row=row)
    page = dashboard(acme, group, anna, sign_in)
    assert "3 people wait for a licence" in page
    assert "1 wanted to accept an invitation and found no free licence." in page
    people.change(acme, row, expires_at=ago(1))
    assert "2 people wait for a licence" in dashboard(acme, group, anna, sign_in)


def test_places_not_used_for_90_days_are_suggested_with_what_can_be_done(acme, group, user, frank, erin, anna, sign_in):
    never = people.change(acme, people.join(acme, group, erin), added_at=ago(91))
    people.change(acme, user, added_at=ago(200), last_used_at=ago(89))
    page = dashboard(acme, group, anna, sign_in)
    assert "frank@acme.test" not in page
    assert "erin@acme.test" in page
    assert "never, since" in page
    for verb in ("edit", "block", "remove"):
        assert f'href="{people.page_url(acme, group, f"users/{never.pk}/{verb}/")}"' in page
    assert f'name="pk" value="{never.pk}"' in page
    assert f'formaction="{people.page_url(acme, group, "users/block/")}"' in page
    people.change(acme, user, last_used_at=ago(120))
    page = dashboard(acme, group, anna, sign_in)
    assert page.index("frank@acme.test") < page.index("erin@acme.test")


def test_admins_without_a_place_and_fresh_places_are_not_suggested(acme, group, user, admin, anna, sign_in):
    people.change(acme, admin, added_at=ago(400), last_used_at=ago(400))
    people.change(acme, user, added_at=ago(5))
    assert "Everybody with a licence has used it in the last 90 days." in dashboard(acme, group, anna, sign_in)


def test_the_owner_with_an_unused_place_is_not_offered_to_be_removed(acme, group, owner, anna, sign_in):
    people.change(acme, owner, is_user=True, added_at=ago(100))
    page = dashboard(acme, group, anna, sign_in)
    assert people.page_url(acme, group, f"users/{owner.pk}/block/") in page
    assert people.page_url(acme, group, f"users/{owner.pk}/remove/") not in page


def test_somebody_whose_access_ended_is_suggested_for_removal(acme, group, user, frank, anna, sign_in):
    """UM-E2."""
    people.change(acme, user, last_used_at=ago(1))
    with acme.context():
        Membership.objects.filter(pk=frank.pk).update(is_active=False)
    page = dashboard(acme, group, anna, sign_in)
    assert "inactive: consider removing" in page
    assert "Not used for 90 days" not in page


def test_many_unused_places_are_counted_and_the_first_are_named(acme, anna, sign_in):
    group = people.license_group(acme, anna, seats=30, name="Large")
    for number in range(23):
        row = people.join(acme, group, people.person(acme, f"P{number:02} Muster"))
        people.change(acme, row, added_at=ago(100 + number))
    page = dashboard(acme, group, anna, sign_in)
    assert "The first 20 of 23." in page
    assert "p22@acme.test" in page
    assert "p00@acme.test" not in page


def test_the_page_asks_as_often_for_thirty_members_as_for_one(acme, anna, sign_in):
    group = people.license_group(acme, anna, seats=50, name="Large")
    browser, url = sign_in(anna), people.page_url(acme, group)
    counts = []
    for numbers in (range(1), range(1, 31)):
        for number in numbers:
            row = people.join(acme, group, people.person(acme, f"P{number:02} Muster"))
            people.change(acme, row, added_at=ago(10))
        people.seat_history(acme, group, [1], ends=utc_today() - datetime.timedelta(days=len(numbers)))
        with CaptureQueriesContext(connection) as captured:
            browser.get(url)
        counts.append(len(captured))
        rights = [query for query in captured if "roles_grants_of" in query["sql"]]
        assert len(rights) == 1
    assert counts[0] == counts[1]
