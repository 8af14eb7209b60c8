"""Threads that wait at a lock which the test holds, and then go on."""

import threading
import time

from django.db import connection, connections, transaction


def while_held(world, jobs, hold, *, then=None, is_lost=False):
    """Let jobs wait in threads for what `hold` locks here, then go on; return what each returned or raised.

    then: what is done while they wait. is_lost: what was held is undone instead of committed.
    """
    outcomes = [None] * len(jobs)

    def work(place, job):
        try:
            outcomes[place] = job()
        except Exception as error:  # noqa: BLE001 - the test looks at what came
            outcomes[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(jobs)]
    with world.context():
        hold()
        for thread in threads:
            thread.start()
        until = time.monotonic() + 20
        while waiting_for_locks() < len(jobs) and time.monotonic() < until:
            time.sleep(0.02)
        assert waiting_for_locks() == len(jobs)
        if then:
            then()
        transaction.set_rollback(is_lost)
    for thread in threads:
        thread.join(60)
    return outcomes


def waiting_for_locks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction reads the same activity otherwise
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]
