"""Bulk work of a small organisation among large ones: the planner takes thousands of rows for one, and must not loop."""

import json

import pytest
from django.db import connection

from personalization.models import Verb
from tests.conftest import DEEP, as_owner
from tests.ledger.crowd import crowd, operation, run, submit

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
MINE, OTHERS = (500, 10_000) if DEEP else (200, 4_000)  # users
FEW = 10  # times that a step of a plan may read each profile
BULK = {
    "WITH nothing AS": Verb.RESTORE_LATEST,
    "WITH chosen AS": Verb.DELETE_OLDER,
    "UPDATE personalization_taskitem": Verb.CREATE_BACKUPS,
}


def most(plan):
    """Return the rows of the step that reads most."""
    mine = (plan["Actual Rows"] + plan.get("Rows Removed by Join Filter", 0)) * plan["Actual Loops"]
    return max([mine, *map(most, plan.get("Plans", ()))])


class Explained:
    """Wraps a connection: statements that begin their work with `words` are explained, undone, and then run."""

    def __init__(self, words):
        self.words, self.plans = words, []

    def __call__(self, execute, sql, params, many, context):
        if self.words in sql:
            explained = sql.replace(self.words, f"EXPLAIN (ANALYZE, FORMAT JSON) {self.words}", 1)
            execute(f"SAVEPOINT explained; {explained}", params, many, context)
            cursor = context["cursor"]
            while not cursor.description or cursor.description[0].name != "QUERY PLAN":
                assert cursor.nextset()
            (answer,) = cursor.fetchone()
            self.plans.append((answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"])
            execute("ROLLBACK TO SAVEPOINT explained", None, many, context)
        return execute(sql, params, many, context)


@pytest.mark.parametrize(("words", "verb"), BULK.items(), ids=BULK.values())
def test_bulk_work_reads_each_profile_a_few_times_however_many_others_there_are(acme, globex, adam, words, verb):
    crowd(globex, OTHERS, groups=2, backups=2)
    crowd(acme, MINE, groups=2, backups=2)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE personalization_settingsprofile, personalization_backup, personalization_manageduser")
    submit(acme, adam, operation(verb, **({"age_days": 1} if verb == Verb.DELETE_OLDER else {})))
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE personalization_taskitem")
    explained = Explained(words)
    with connection.execute_wrapper(explained):
        run(acme)
    assert explained.plans
    assert max(map(most, explained.plans)) <= FEW * 2 * MINE
