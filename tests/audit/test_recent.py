"""Recent activities on the first page, behind what a bulk task did to thousands of users."""

import json
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.actions import record, record_rows
from tests import factories
from tests.conftest import DEEP, as_owner

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
MANY = 80_000 if DEEP else 4_000


def read(plan):
    """Return how many rows a plan has looked at, those that it threw away among them."""
    mine = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return mine + sum(read(below) for below in plan.get("Plans", ()))


@pytest.mark.parametrize("who", ["alice", "erin"])
def test_recent_activities_are_read_past_no_user_of_a_bulk_task(acme, globex, who, sign_in):
    member = factories.member(
        acme, "Erin Egger", "erin", role={"alice": "persops.primary_admin", "erin": "persops.admin"}[who],
        groups=[acme.finance] if who == "erin" else (),
    )  # fmt: skip
    by = factories.actor(member)
    with acme.context():
        for number in range(10):
            name = f"Told {number}"
            record("backup.created", tenant_id=acme.pk, by=by, group_id=acme.finance, labels={"settings": name})
        rows = [(uuid.uuid4(), acme.finance, {"user": "U", "changed": 1, "outcome": "restored"}) for _ in range(MANY)]
        record_rows(
            "user.changed", tenant_id=acme.pk, by=by, rows=rows, subject_type="manageduser", task_id=uuid.uuid4()
        )
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE audit_event")
    with CaptureQueriesContext(connection) as captured:
        assert "U" in sign_in(member).get(acme.url()).text
    (query,) = [one["sql"] for one in captured if "audit_event" in one["sql"] and "LIMIT" in one["sql"]]
    with acme.context(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
        (answer,) = cursor.fetchone()
    answer = answer if isinstance(answer, list) else json.loads(answer)
    assert 0 < read(answer[0]["Plan"]) < 100
