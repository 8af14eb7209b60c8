"""Every list of the product: its page asks the database as often for thirty rows as for one."""

import pytest

import audit.lists
import personalization.lists
import roles.lists
from audit.actions import record
from config.ui.lists import Listing
from tests import factories
from tests.tasks.work import submit

pytestmark = pytest.mark.django_db
MANY = 30


def write_events(world, alice, numbers):
    with world.context():
        for _ in numbers:
            record("backup.created", tenant_id=world.pk, by=factories.actor(alice))
    return "audit/"


def add_entries(world, alice, numbers):
    for number in numbers:
        person = factories.member(world, f"Person {number:02}", f"person{number:02}")
        factories.entry(world, person, "persops.admin", [world.finance, world.sales])
    return "user-roles/?q=person"


def add_users(world, alice, numbers):
    for number in numbers:
        factories.managed_user(world, f"user{number:02}")
    return "users/"


def submit_tasks(world, alice, numbers):
    factories.managed_user(world, f"user-{numbers[0]}")
    for _ in numbers:
        submit(world, alice)
    return "tasks/"


def submit_one_task(world, alice, numbers):
    add_users(world, alice, numbers)
    return f"tasks/{submit(world, alice).pk}/"


# A list that is not here fails the first test below: say how its rows are made and where they are shown.
LISTS = {
    audit.lists.EventList: write_events,
    roles.lists.EntryList: add_entries,
    personalization.lists.ManagedUserList: add_users,
    personalization.lists.TaskList: submit_tasks,
    personalization.lists.TaskItemList: submit_one_task,
}


def every_list(of=Listing):
    for one in of.__subclasses__():
        if not one.__module__.startswith("tests."):
            yield one
        yield from every_list(one)


def test_every_list_is_swept():
    assert set(every_list()) == set(LISTS)


def rows_of(answer):
    """Return the number of rows of the list on a page; its foot follows its table."""
    table = answer.content.decode().partition('class="list-foot"')[0].rpartition("<tbody>")[2]
    return table.count("<tr")


@pytest.mark.parametrize("listing", LISTS, ids=lambda one: one.__name__)
def test_a_list_asks_the_same_number_of_queries_for_one_row_and_for_thirty(
    listing, acme, globex, alice, charlie, sign_in, query_count
):
    make, browser = LISTS[listing], sign_in(alice)
    make(globex, charlie, range(3))
    rows, queries = [], []
    for numbers in (range(1), range(1, MANY)):
        url = acme.url(make(acme, alice, numbers))
        queries.append(query_count(lambda url=url: rows.append(rows_of(browser.get(url)))))
    assert rows[0] <= 2 < MANY - 1 <= rows[1]  # signing in is an event, too
    assert queries[0] == queries[1]
