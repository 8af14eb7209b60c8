"""Thousands of Blocked User Roles: a page in any order that an index can hold reads its own rows and sorts no more."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import DEEP, as_owner
from tests.licensing import people
from tests.licensing.pages import at

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
MANY = 50_000 if DEEP else 5_000
MOST = 1_000  # rows that one step of a page's plan may read or sort
FILL = """
WITH made AS (SELECT n, roamkeep_uuid7() AS id, format('b%%s@%%s.test', n, %(slug)s) AS address
              FROM generate_series(1, %(count)s) n),
accounts AS (
    INSERT INTO accounts_user (id, password, email, email_key, display_name, is_active, is_operator, time_zone, language,
                               created_at)
    SELECT id, '!', address, address, 'Name ' || n, true, false, '', '', now() FROM made WHERE n %% 2 = 0
), memberships AS (
    INSERT INTO accounts_membership (id, tenant_id, user_id, login, login_key, name, name_key, contact_email, is_active,
                                     inactive_by_directory, source, created_at)
    SELECT roamkeep_uuid7(), %(tenant)s, id, address, address, 'Name ' || n, 'name ' || n, '', true, false, 'local',
           now() FROM made WHERE n %% 2 = 0
)
INSERT INTO licensing_licenseroleblock (id, tenant_id, group_id, address, address_key, user_id, created_at, created_by,
                                        mail_state)
SELECT roamkeep_uuid7(), %(tenant)s, %(group)s, address, address, CASE WHEN n %% 4 = 0 THEN id END,
       now() - n * interval '1 second', 'Admin ' || n %% 7, '' FROM made
"""


def fill(world, group, count):
    with world.context(), connection.cursor() as cursor:
        cursor.execute(FILL, {"count": count, "tenant": world.pk, "group": group.pk, "slug": world.slug})
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE licensing_licenseroleblock, accounts_user, accounts_membership")


def steps(plan):
    """Yield (what, rows it gave in all) of every step of a plan."""
    yield plan["Node Type"], plan["Actual Rows"] * plan["Actual Loops"]
    for below in plan.get("Plans", ()):
        yield from steps(below)


def page_and_plan(world, browser, url):
    """Return the page and the steps of the query that read its rows, under row-level security as the page asked it."""
    with CaptureQueriesContext(connection) as captured:
        page = browser.get(url)
    assert page.status_code == 200
    (query,) = [
        one["sql"]
        for one in captured
        if "ORDER BY" in one["sql"] and "known_name" in one["sql"] and "LIMIT" in one["sql"]
    ]
    with world.context(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
        (answer,) = cursor.fetchone()
    answer = answer if isinstance(answer, list) else json.loads(answer)
    return page, list(steps(answer[0]["Plan"]))


def next_page(page):
    return page.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")


@pytest.mark.spec("LG-125", "LG-40")
@pytest.mark.parametrize("order", ["address", "-address", "created_at", "-created_at", "created_by", "-created_by"])
def test_a_page_of_thousands_of_blocks_reads_and_sorts_its_own_rows_alone(acme, globex, group, desk, charlie, order):
    fill(globex, people.license_group(globex, charlie), MANY)
    fill(acme, group, MANY)
    url = f"{at(acme, group, 'blocked/')}?sort={order}"
    for _ in range(3):
        page, taken = page_and_plan(acme, desk, url)
        assert [step for step in taken if step[1] > MOST] == []
        url = next_page(page)
        assert url
