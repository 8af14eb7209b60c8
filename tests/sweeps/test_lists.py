"""Every list of the product: its page asks the database as often for thirty rows as for one."""

import pytest

import audit.lists
import licensing.group_lists
import licensing.lists
import personalization.lists
import roles.lists
from audit.actions import record
from config.identifiers import uuid7
from config.ui.lists import Listing
from licensing.actions.blocks import block_addresses
from licensing.actions.devices import add_device
from licensing.models import LicenseGroup
from tests import factories
from tests.licensing import people
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


def license_group(world, owner):
    """Return the one license group of an owner."""
    with world.context():
        found = LicenseGroup.objects.first()
    return found or people.license_group(world, owner, seats=100)


def add_license_members(world, alice, numbers):
    group = license_group(world, alice)
    for number in numbers:
        people.join(world, group, factories.member(world, f"Member {number}", f"member{number}"))
        people.invited(world, group, f"other{number}@{world.slug}.test", by=factories.actor(alice))
    return f"licensing/{group.pk}/users/?q=member"


def add_blocks(world, alice, numbers):
    group = license_group(world, alice)
    pairs = [(f"blocked{number}@{world.slug}.test",) * 2 for number in numbers]
    with world.context():
        block_addresses(tenant_id=world.pk, group_id=group.pk, addresses=pairs, by=factories.actor(alice))
    return f"licensing/{group.pk}/blocked/"


def add_devices(world, alice, numbers):
    group = license_group(world, alice)
    where = {"tenant_id": world.pk, "group_id": group.pk, "by": factories.actor(alice)}
    with world.context():
        for number in numbers:
            add_device(device_id=uuid7(), name=f"Printer {number}", **where)
    return f"licensing/{group.pk}/devices/"


def add_license_groups(world, alice, numbers):
    for number in numbers:
        people.license_group(world, alice, name=f"Group {number}")
    return "licensing/groups/"


def add_groups_for_the_operator(world, alice, numbers):
    add_license_groups(world, alice, numbers)
    factories.appoint(alice.user)
    return f"/operator/?q={world.slug}"


# A list that is not here fails the first test below: say how its rows are made and where they are shown.
LISTS = {
    audit.lists.EventList: write_events,
    roles.lists.EntryList: add_entries,
    personalization.lists.ManagedUserList: add_users,
    personalization.lists.TaskList: submit_tasks,
    personalization.lists.TaskItemList: submit_one_task,
    licensing.lists.MemberList: add_license_members,
    licensing.lists.BlockList: add_blocks,
    licensing.lists.DeviceList: add_devices,
    licensing.group_lists.LicenseGroupList: add_license_groups,
    licensing.group_lists.OperatorGroupList: add_groups_for_the_operator,
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


# License groups are made by the platform operator's role, in a transaction of its own.
BY_THE_OPERATOR = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
CASES = [pytest.param(one, marks=BY_THE_OPERATOR) if one.__module__.startswith("licensing") else one for one in LISTS]


@pytest.mark.parametrize("listing", CASES, ids=lambda one: one.__name__)
def test_a_list_asks_the_same_number_of_queries_for_one_row_and_for_thirty(
    listing, acme, globex, alice, charlie, sign_in, query_count
):
    make, browser = LISTS[listing], sign_in(alice)
    make(globex, charlie, range(3))
    rows, queries = [], []
    for numbers in (range(1), range(1, MANY)):
        path = make(acme, alice, numbers)
        url = path if path.startswith("/") else acme.url(path)
        queries.append(query_count(lambda url=url: rows.append(rows_of(browser.get(url)))))
    assert rows[0] <= 2 < MANY - 1 <= rows[1]  # signing in is an event, too
    assert queries[0] == queries[1]
