"""The bell keeps its lines to the broker, and finds it again where it was away."""

import json
import time

import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from config import bell
from launcher.service import start, wait_ready
from launcher.valkey import Valkey
from tests.ledger.workers import prepared


@pytest.fixture
def broker(monkeypatch, tmp_path_factory):
    """Return a function that starts the bell's own broker, anew where it runs."""
    folder = tmp_path_factory.mktemp("b")
    service, running = prepared(Valkey(folder / "valkey", folder, durable=False)), []

    def stop():
        for one in running:
            one.kill_group()
            one.process.wait()
        running.clear()

    def started():
        stop()
        running.append(start(service, folder))
        wait_ready(running[0])
        return redis.Redis(unix_socket_path=str(service.socket))

    app = Celery(broker=service.environment()["BROKER_URL"])
    app.conf.update(task_publish_retry=False, broker_transport_options=bell.app.conf.broker_transport_options)
    monkeypatch.setattr(bell, "app", app)
    started.stop = stop
    yield started
    stop()


def rung(client):
    """Return the tenants that the broker was rung for, the last one first."""
    return [json.loads(message)["headers"]["argsrepr"] for message in client.lrange("celery", 0, -1)]


def test_many_rings_take_one_line(broker):
    with broker() as client:
        bell.ring("personalization.run_tasks", "a")
        before = client.info("stats")["total_connections_received"]
        for _ in range(20):
            bell.ring("personalization.run_tasks", "b")
        assert client.info("stats")["total_connections_received"] == before
        assert rung(client) == ["['b']"] * 20 + ["['a']"]


def test_a_broker_that_was_started_anew_hears_the_next_ring(broker):
    with broker():
        bell.ring("personalization.run_tasks", "a")
    with broker() as client:
        bell.ring("personalization.run_tasks", "b")
        assert rung(client) == ["['b']"]


def test_a_broker_that_is_away_is_asked_once_and_heard_when_it_is_back(broker):
    with broker():
        bell.ring("personalization.run_tasks", "a")
    broker.stop()
    started = time.monotonic()
    with pytest.raises(OperationalError):
        bell.ring("personalization.run_tasks", "b")
    assert time.monotonic() - started < 5
    with broker() as client:
        bell.ring("personalization.run_tasks", "c")
        assert rung(client) == ["['c']"]
