"""What changed between submitting a task and its turn: rights the creator lost, users who moved or are gone."""

import pytest
from django.db import connection
from django.utils import timezone

from personalization.models import ManagedUser
from personalization.outcomes import Outcome
from personalization.runner import run_batch
from tests.ledger.crowd import crowd, fresh, items, outcomes, profiles, run, submit

pytestmark = pytest.mark.django_db


def test_users_whom_the_creator_lost_meanwhile_end_as_not_authorised(acme, adam):
    crowd(acme, 60)
    task = submit(acme, adam)
    run_batch(acme.pk, 25)
    with acme.context():
        connection.cursor().execute("DELETE FROM personalization_personalizationgroupusergrant")
        connection.cursor().execute("DELETE FROM roles_roleassignment WHERE membership_id = %s", [adam.pk])
    run(acme)
    ended = fresh(acme, task)
    assert (ended.succeeded, ended.denied, ended.done, ended.state) == (25, 35, 60, "warning")
    assert sum(p.version == 2 for p in profiles(acme)) == 50
    assert outcomes(acme, task)[25:] == [Outcome.DENIED] * 35


def test_a_user_who_moved_into_another_group_is_not_touched(acme, adam):
    people = crowd(acme, 3).users
    task = submit(acme, adam)
    with acme.context():
        ManagedUser.objects.filter(pk=people[1]).update(group_id=acme.sales)
    run(acme)
    assert [item.state for item in items(acme, task)] == [1, 4, 1]
    assert items(acme, task)[1].group_id == acme.sales


@pytest.mark.parametrize("lost", ["is_active", "user.is_active", "user.locked_at"])
def test_a_creator_who_may_not_sign_in_any_more_does_nothing(acme, adam, lost):
    crowd(acme, 2)
    task = submit(acme, adam)
    with acme.context():
        if lost == "is_active":
            type(adam).objects.filter(pk=adam.pk).update(is_active=False)
        else:
            value = timezone.now() if lost == "user.locked_at" else False
            type(adam.user).objects.filter(pk=adam.user_id).update(**{lost.split(".")[1]: value})
    run(acme)
    assert fresh(acme, task).denied == 2
    assert {p.version for p in profiles(acme)} == {1}


def test_a_user_who_was_deleted_meanwhile_fails_alone(acme, adam):
    people = crowd(acme, 3).users
    task = submit(acme, adam)
    with acme.context():
        ManagedUser.objects.filter(pk=people[0]).delete()
    run(acme)
    assert [(item.state, item.outcome) for item in items(acme, task)] == [(3, "gone"), (1, "restored"), (1, "restored")]
