"""History cannot be changed unseen."""

import io
import json
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from structlog.testing import capture_logs

from audit.actions import Actor, record
from audit.models import Event, Seal
from audit.seals import seal, verify
from tests.conftest import as_owner

pytestmark = pytest.mark.django_db

SERVER = Actor(id=None, name="server", channel="command")


def write(world, count=3):
    with world.context():
        return [record("backup.created", tenant_id=world.pk, by=SERVER, labels={"n": n}) for n in range(count)]


def findings(world):
    with world.context():
        return [(finding.what, finding.event_id) for finding in verify(world.pk)]


def test_the_application_may_neither_change_nor_delete_an_event(acme):
    write(acme)
    for statement in (
        "UPDATE audit_event SET verb = 'x'",
        "DELETE FROM audit_event",
        "UPDATE audit_seal SET number = 9",
    ):
        refused = pytest.raises(DatabaseError, match="permission denied")
        with refused, acme.context(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_an_event_is_sealed_once(acme):
    write(acme, 1)
    with acme.context():
        seal(acme.pk)
    with pytest.raises(DatabaseError, match="sealed once"), acme.context(), transaction.atomic():
        Event.objects.update(seal_id=None)


def test_a_chain_that_nobody_touched_holds(acme, globex):
    for _ in range(3):
        write(acme)
        write(globex)
        for world in (acme, globex):
            with world.context():
                assert seal(world.pk) == 3
    assert findings(acme) == findings(globex) == []
    with acme.context():
        assert list(Seal.objects.order_by("number").values_list("number", "count")) == [(1, 3), (2, 3), (3, 3)]


def test_an_event_that_commits_late_is_sealed_later_and_not_lost(acme):
    late, early = write(acme, 2)
    with acme.context():
        Event.objects.filter(pk=early.pk).update(seal_id=None)
        seal(acme.pk)
        assert not Event.objects.filter(seal_id=None).exists()
    write(acme, 1)
    with acme.context():
        assert seal(acme.pk) == 1
    assert findings(acme) == []


@pytest.mark.django_db(transaction=True, databases=["default", "operator"])
class TestTampering:
    """As the owner of the tables, past every rule of the application."""

    def tamper(self, world, statement, *parameters):
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    def sealed(self, world):
        rows = write(world)
        with world.context():
            seal(world.pk)
        return rows

    @pytest.mark.parametrize(
        "change",
        [
            "verb = 'backup.deleted'",
            "outcome = 'failed'",
            'labels = \'{"actor": "somebody else"}\'',
            "at = at - interval '1 day'",
            "actor_key = 'somebody else'",
            "erased_hash = sha256(salt || convert_to(labels::text, 'UTF8')), labels = '{\"actor\": \"somebody else\"}'",
            "erased_hash = sha256(salt || convert_to(labels::text, 'UTF8')), labels = '{}', salt = ''",
        ],
    )
    def test_a_changed_row_is_named(self, acme, change):
        row = self.sealed(acme)[1]
        self.tamper(acme, f"UPDATE audit_event SET {change} WHERE id = %s", row.pk)
        assert findings(acme) == [("changed", row.pk)]
        with pytest.raises(CommandError):
            call_command("verify_audit", "acme")

    def test_a_deleted_row_is_missed(self, acme):
        row = self.sealed(acme)[1]
        self.tamper(acme, "DELETE FROM audit_event WHERE id = %s", row.pk)
        assert findings(acme) == [("missing", None)]

    def test_a_removed_seal_leaves_a_gap(self, acme):
        for _ in range(3):
            self.sealed(acme)
        self.tamper(acme, "DELETE FROM audit_seal WHERE number = 2")
        assert ("gap", None) in findings(acme)

    def test_a_forged_seal_breaks_the_chain(self, acme):
        self.sealed(acme)
        self.tamper(acme, "UPDATE audit_seal SET digests = digests || sha256('x')")
        assert ("chain", None) in findings(acme)

    def test_erased_labels_read_redacted_and_not_changed(self, acme):
        row = self.sealed(acme)[0]
        self.tamper(
            acme,
            "UPDATE audit_event SET erased_hash = sha256(salt || convert_to(labels::text, 'UTF8')), "
            "labels = '{}', salt = '', actor_key = '' WHERE id = %s",
            row.pk,
        )
        assert findings(acme) == [("redacted", row.pk)]

    def test_newest_seals_that_are_gone_with_their_events_are_missed_by_heads_that_were_kept(self, acme, tmp_path):
        heads = tmp_path / "heads.json"
        for _ in range(2):
            self.sealed(acme)
        call_command("verify_audit", heads=heads)
        self.sealed(acme)
        call_command("verify_audit", "acme", heads=heads)
        for statement in (
            "DELETE FROM audit_event WHERE seal_id = (SELECT id FROM audit_seal WHERE number = 3)",
            "DELETE FROM audit_seal WHERE number = 3",
        ):
            self.tamper(acme, statement)
        assert findings(acme) == []
        kept = heads.read_text()
        for _ in range(2):
            told = io.StringIO()
            with pytest.raises(CommandError, match="1 problem"):
                call_command("verify_audit", heads=heads, stdout=told)
            assert "seal 3, the newest when its hash was kept, is gone" in told.getvalue()
            assert heads.read_text() == kept

    def test_a_seal_made_anew_is_not_the_one_that_was_kept(self, acme, tmp_path):
        heads = tmp_path / "heads.json"
        self.sealed(acme)
        call_command("verify_audit", heads=heads)
        for table in ("audit_event", "audit_seal"):
            self.tamper(acme, f"DELETE FROM {table}")
        self.sealed(acme)
        assert findings(acme) == []
        with pytest.raises(CommandError):
            call_command("verify_audit", heads=heads)

    def test_a_tenant_that_is_gone_is_missed(self, acme, tmp_path):
        heads, gone = tmp_path / "heads.json", str(uuid.uuid4())
        heads.write_text(json.dumps({gone: [3, "00"]}))
        told = io.StringIO()
        with pytest.raises(CommandError):
            call_command("verify_audit", heads=heads, stdout=told)
        assert f"{gone}: this tenant is gone" in told.getvalue()
        call_command("verify_audit", "acme", heads=heads)

    @pytest.mark.parametrize("text", ["", "[]", "{}x", '{"a": 1}', '{"a": ["x", "00"]}', '{"a": [1, "xy"]}'])
    def test_a_file_that_holds_no_heads_is_refused_and_kept(self, acme, tmp_path, text):
        heads = tmp_path / "heads.json"
        heads.write_text(text)
        with pytest.raises(CommandError, match="holds no heads"):
            call_command("verify_audit", heads=heads)
        assert heads.read_text() == text

    def test_the_head_of_each_seal_is_in_the_log(self, acme):
        with capture_logs() as logs:
            self.sealed(acme)
        with acme.context():
            (made,) = Seal.objects.all()
        (line,) = [line for line in logs if line["event"] == "sealed"]
        assert (line["tenant_id"], line["number"]) == (str(acme.pk), 1)
        assert line["hash"] == bytes(made.hash).hex()

    def test_an_empty_name_is_no_tenant(self, acme):
        with pytest.raises(CommandError, match="There is no tenant ''"):
            call_command("verify_audit", "")
