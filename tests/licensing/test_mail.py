"""Mails through a real mail server: what they say, and what becomes of them when the server has its ways."""

import datetime
import os
import re
import subprocess
import sys
import time

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from accounts.models import Tenant, User
from audit.actions import Actor
from audit.models import Channel, Event
from config import bell
from config.celery import app
from licensing import mail
from licensing.actions.blocks import block_members
from licensing.actions.groups import ask_domain
from licensing.actions.invitations import invite, resend
from licensing.links import read_domain_token, read_invitation
from licensing.models import GroupDomain, LicenseGroup, LicenseGroupMember, LicenseRoleBlock
from licensing.tasks import purge_expired_invitations, ring_mails_on_commit, send_mails, send_waiting_mails
from tests import factories
from tests.licensing import people
from tests.licensing.mailserver import mail_server, no_server, silent_server

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def invited(world, group, *addresses, by, **more):
    with world.context():
        roles = {"is_user": True, "is_admin": False} | more
        invite(tenant_id=world.pk, group_id=group.pk, addresses=[(one, one) for one in addresses], by=by, **roles)
    return people.row_of(world, group, addresses[0])


def states(world, group):
    with world.context():
        rows = LicenseGroupMember.objects.filter(group_id=group.pk, user=None).order_by("address_key")
        return [row.mail_state for row in rows]


def age(world, **more):
    """Move what waits into the past."""
    with world.context():
        LicenseGroupMember.objects.filter(user=None).update(sent_at=timezone.now() - datetime.timedelta(**more))


@pytest.fixture
def alice_adler(by):
    return Actor(id=by.id, name="Anna O'Hara <b> (anna)", user_id=by.user_id, rights=by.rights)


@pytest.mark.spec("LG-56", "LG-68")
def test_an_invitation_names_who_where_what_until_when_and_one_link(acme, group, alice_adler, settings):
    with mail_server(settings) as server:
        row = invited(
            acme, group, "ida@acme.test", "jan@acme.test", by=alice_adler, is_admin=True, words="Hi <i>,\nsee you"
        )
        assert send_mails(str(acme.pk)) == 2
    assert sorted(to for (to,), _message in server.taken) == ["ida@acme.test", "jan@acme.test"]
    ((recipients, message),) = [one for one in server.taken if one[0] == ["ida@acme.test"]]
    assert recipients == [message["To"]] == ["ida@acme.test"]
    assert message["Cc"] is message["Bcc"] is message["Reply-To"] is None
    assert message["Subject"] == "Anna O'Hara <b> invites you to Printers"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_body(["plain"]).get_content()
    markup = message.get_body(["html"]).get_content()
    for part in ("User, Admin", "UTC", str(row.expires_at.astimezone(datetime.UTC).year)):
        assert part in text
        assert part in markup
    assert "> Hi <i>,\n> see you" in text.replace("\r\n", "\n")
    assert "Hi &lt;i&gt;,<br>see you" in markup
    assert "Anna O&#39;Hara &lt;b&gt; of Acme Industries" in markup
    (link,) = re.findall(r"https?://\S+", text)
    assert link.startswith(f"{django_settings.PUBLIC_URL}/t/acme/invitations/")
    assert read_invitation(link.rstrip("/").rpartition("/")[2]) == (row.pk, row.generation)
    assert set(re.findall(r'https?://[^"<\s]+', markup)) == {link}
    for private in ("jan@acme.test", "(anna)", "anna@acme.test"):
        assert private not in text + markup + str(message["Subject"])
    assert states(acme, group) == ["sent", "sent"]


@pytest.mark.spec("LG-58", "LG-68")
def test_the_expiry_is_written_as_the_pages_write_it_in_the_organisations_zone(
    acme, globex, group, by, charlie, settings
):
    Tenant.objects.filter(pk=globex.pk).update(time_zone="Asia/Singapore")
    other = people.license_group(globex, charlie)
    moment = datetime.datetime(2099, 1, 2, 23, 30, tzinfo=datetime.UTC)
    bodies = {}
    with mail_server(settings) as server:
        for world, one, who in ((acme, group, by), (globex, other, factories.actor(charlie))):
            row = invited(world, one, f"ida@{world.slug}.test", by=who)
            people.change(world, row, expires_at=moment)
            with timezone.override("America/Chicago"):
                send_mails(str(world.pk))
    for (to,), message in server.taken:
        bodies[to] = [message.get_body([kind]).get_content() for kind in ("plain", "html")]
    for body in bodies["ida@acme.test"]:
        assert "Valid until: 3 Jan 2099, 00:30:00 CET (2 Jan 2099, 23:30 UTC)" in body
    for body in bodies["ida@globex.test"]:
        assert "Valid until: 3 Jan 2099, 07:30:00 +08 (2 Jan 2099, 23:30 UTC)" in body
    (link,) = re.findall(r"https?://[^/]+(/\S+)", bodies["ida@acme.test"][0])
    assert "3 Jan 2099, 00:30:00 CET (2 Jan 2099, 23:30 UTC)" in Client().get(link).text


def test_a_mail_speaks_the_language_that_the_account_has_chosen(acme, group, by, settings):
    person = people.person(acme, "Ida Ilg")
    User.objects.filter(pk=person.user_id).update(language="de")
    with mail_server(settings) as server:
        invited(acme, group, "ida@acme.test", "jan@acme.test", by=by)
        send_mails(str(acme.pk))
    languages = {
        to: re.search('lang="(..)"', str(message.get_body(["html"]).get_content()))[1]
        for (to,), message in server.taken
    }
    assert languages == {"ida@acme.test": "de", "jan@acme.test": "en"}


def test_nobody_writes_a_header_through_a_name(acme, group, by, settings):
    with acme.context():
        LicenseGroup.objects.filter(pk=group.pk).update(name="Printers\nBcc: eve@evil.test")
    with mail_server(settings) as server:
        invited(acme, group, "ida@acme.test", by=by, words="\r\nBcc: eve@evil.test\r\n\r\n.\r\nQUIT")
        assert send_mails(str(acme.pk)) == 1
    ((recipients, message),) = server.taken
    assert recipients == ["ida@acme.test"]
    assert message["Bcc"] is None
    assert "\n" not in message["Subject"]


@pytest.mark.spec("LG-E8")
def test_a_blocked_member_is_told_neutrally_unless_that_is_off(acme, group, user, by, settings):
    with mail_server(settings) as server:
        with acme.context():
            block_members(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(people.fresh(acme, user)), by=by)
        assert send_mails(str(acme.pk)) == 1
        ((recipients, message),) = server.taken
        assert recipients == ["frank@acme.test"]
        assert message["Subject"] == "Your role User in Printers has ended"
        assert "block" not in message.get_body(["plain"]).get_content().lower()
        with acme.context():
            assert LicenseRoleBlock.objects.get().mail_state == "sent"
            LicenseGroup.objects.filter(pk=group.pk).update(tells_blocked=False)
        other = people.join(acme, group, people.person(acme, "Gerd Gans"))
        with acme.context():
            block_members(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(other), by=by)
        assert send_mails(str(acme.pk)) == 0


@pytest.mark.spec("LG-161")
def test_the_proof_of_a_domain_goes_to_an_address_inside_it(acme, group, by, settings):
    with mail_server(settings) as server:
        with acme.context():
            address = ("boss@partner.test", "boss@partner.test")
            row = ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="partner.test", address=address, by=by)
        assert send_mails(str(acme.pk)) == 1
    ((recipients, message),) = server.taken
    assert recipients == ["boss@partner.test"]
    (link,) = re.findall(r"https?://\S+", message.get_body(["plain"]).get_content())
    assert link.startswith(f"{django_settings.PUBLIC_URL}/t/acme/domains/")
    assert read_domain_token(link.rstrip("/").rpartition("/")[2]) == (row.pk, row.generation)
    with acme.context():
        assert GroupDomain.objects.get().mail_state == "sent"


def test_a_server_that_is_down_gets_the_mail_later(acme, group, by, settings):
    no_server(settings)
    invited(acme, group, "ida@acme.test", "jan@acme.test", by=by)
    assert send_mails(str(acme.pk)) == 0
    assert states(acme, group) == ["pending", "pending"]
    with mail_server(settings) as server:
        send_waiting_mails()
    assert len(server.taken) == 2
    assert states(acme, group) == ["sent", "sent"]


def test_a_mail_is_given_up_an_hour_after_it_was_asked_for(acme, group, by, settings):
    no_server(settings)
    row = invited(acme, group, "ida@acme.test", "jan@acme.test", by=by)
    age(acme, minutes=59)
    send_waiting_mails()
    assert states(acme, group) == ["pending", "pending"]
    age(acme, minutes=61)
    send_waiting_mails()
    assert states(acme, group) == ["failed", "failed"]
    with mail_server(settings) as server:
        send_waiting_mails()
        assert server.taken == []
        with acme.context():  # an Admin sends it again
            resend(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(people.fresh(acme, row)), by=by)
        send_waiting_mails()
        assert [to for to, _message in server.taken] == [["ida@acme.test"]]


def test_a_slow_server_is_waited_for_with_no_transaction_open(acme, group, by, settings):
    settings.EMAIL_TIMEOUT = 5
    seen = []

    def look():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND state LIKE 'idle in transaction%'"
            )
            seen.append((cursor.fetchone()[0], states(acme, group)))

    with mail_server(settings, wait=1, wait_data=1, on_data=look) as server:
        invited(acme, group, "ida@acme.test", by=by)
        assert send_mails(str(acme.pk)) == 1
    assert len(server.taken) == 1
    assert seen == [(0, ["sending"])]  # others saw it being sent: that was committed before


def test_a_refused_recipient_is_failed_and_the_others_get_theirs(acme, group, by, settings):
    with mail_server(settings, rcpt="550 no such user") as server:
        invited(acme, group, "ida@acme.test", by=by)
        assert send_mails(str(acme.pk)) == 0
        assert states(acme, group) == ["failed"]
        send_waiting_mails()
        assert server.tries == 1
    with mail_server(settings) as server:
        invited(acme, group, "jan@acme.test", by=by)
        send_waiting_mails()
        assert [to for to, _message in server.taken] == [["jan@acme.test"]]
    assert states(acme, group) == ["failed", "sent"]


@pytest.mark.parametrize("answer", [{"rcpt": "451 greylisted"}, {"data": "452 disk full"}])
def test_a_server_that_says_later_gets_the_mail_later(acme, group, by, settings, answer):
    with mail_server(settings, **answer):
        invited(acme, group, "ida@acme.test", by=by)
        send_waiting_mails()
    assert states(acme, group) == ["pending"]
    with mail_server(settings) as server:
        send_waiting_mails()
    assert len(server.taken) == 1
    assert states(acme, group) == ["sent"]


def test_a_server_that_swallows_the_mail_costs_the_time_limit_and_is_not_tried_again(acme, group, by, settings):
    settings.EMAIL_TIMEOUT = 1
    with mail_server(settings, wait_data=30) as server:
        invited(acme, group, "ida@acme.test", by=by)
        started = time.monotonic()
        assert send_mails(str(acme.pk)) == 0
        assert time.monotonic() - started < 5
        assert states(acme, group) == ["failed"]
        send_waiting_mails()
        assert len(server.taken) == 1


def test_a_server_that_never_says_a_word_costs_one_time_limit_a_run(acme, group, by, settings):
    settings.EMAIL_TIMEOUT = 1
    with silent_server(settings):
        invited(acme, group, "ida@acme.test", "jan@acme.test", "kim@acme.test", by=by)
        started = time.monotonic()
        assert send_mails(str(acme.pk)) == 0
        assert time.monotonic() - started < 2.5
    assert states(acme, group) == ["pending"] * 3  # it has taken nothing: the beat comes back


WORKER = """
import django
django.setup()
from licensing.tasks import send_mails
send_mails({tenant!r})
"""


def worker(world, port):
    """Start a process of its own that sends the tenant's mails."""
    database = connection.settings_dict
    parts = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    conninfo = make_conninfo(**{key: database[name] for key, name in parts.items() if database[name]})
    environment = os.environ | {"DATABASE_URL": conninfo, "EMAIL_URL": f"smtp://127.0.0.1:{port}"}
    command = [sys.executable, "-c", WORKER.format(tenant=str(world.pk))]
    return subprocess.Popen(command, env=environment, cwd=django_settings.BASE_DIR)  # noqa: S603


def test_a_worker_killed_between_data_and_commit_leaves_the_mail_unknown_and_never_sends_it_twice(
    acme, group, by, settings
):
    with mail_server(settings, wait_data=60) as server:
        row = invited(acme, group, "ida@acme.test", by=by)
        process = worker(acme, settings.EMAIL_PORT)
        assert server.got_data.wait(30)
        process.kill()
        assert process.wait(10) == -9
        assert states(acme, group) == ["sending"]
        settings.EMAIL_TIMEOUT = 1
        send_waiting_mails()
        assert len(server.taken) == 1
    row = people.fresh(acme, row)
    assert not mail.is_unknown(row.mail_state, row.sent_at)
    age(acme, minutes=6)
    row = people.fresh(acme, row)
    assert mail.is_unknown(row.mail_state, row.sent_at)
    with mail_server(settings) as server:
        send_waiting_mails()
        assert server.taken == []


def test_a_mail_that_was_asked_for_again_while_it_went_out_is_sent_with_its_new_link(acme, group, by, settings):
    row = invited(acme, group, "ida@acme.test", by=by)

    def ask_again():
        if people.fresh(acme, row).generation == 1:
            with acme.context():
                resend(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(people.fresh(acme, row)), by=by)

    with mail_server(settings, on_data=ask_again) as server:
        send_mails(str(acme.pk))
        assert states(acme, group) == ["pending"]
        send_mails(str(acme.pk))
    assert states(acme, group) == ["sent"]
    links = [
        re.search(r"invitations/(\S+)/", message.get_body(["plain"]).get_content())[1] for _to, message in server.taken
    ]
    assert [read_invitation(link)[1] for link in links] == [1, 2]


def test_an_invitation_that_is_over_sends_no_mail(acme, group, by, settings):
    row = invited(acme, group, "ida@acme.test", by=by)
    with acme.context():
        LicenseGroupMember.objects.filter(pk=row.pk).update(status="ended", ended_at=timezone.now())
    with mail_server(settings) as server:
        assert send_mails(str(acme.pk)) == 0
    assert server.taken == []


def test_one_tenants_trouble_does_not_stop_the_others(acme, globex, group, by, settings, monkeypatch):
    gina = people.person(globex, "Gina Gold")
    other = people.license_group(globex, gina)
    invited(acme, group, "ida@acme.test", by=by)
    invited(globex, other, "jan@globex.test", by=factories.actor(gina))
    waiting = mail.waiting
    monkeypatch.setattr(mail, "waiting", lambda pk: 1 / 0 if pk == acme.pk else waiting(pk))
    with mail_server(settings) as server:
        send_waiting_mails()
    assert [to for to, _message in server.taken] == [["jan@globex.test"]]


def test_a_bell_that_nobody_hears_loses_no_mail(acme, group, by, settings, monkeypatch):
    def away(*_args, **_options):
        raise ConnectionError("no broker")

    monkeypatch.setattr(bell.app, "send_task", away)
    with acme.context():
        ring_mails_on_commit(acme.pk)
        invite(
            tenant_id=acme.pk,
            group_id=group.pk,
            addresses=[("ida@acme.test",) * 2],
            is_user=True,
            is_admin=False,
            by=by,
        )
    with mail_server(settings) as server:
        app.tasks[app.conf.beat_schedule["send-waiting-mails"]["task"]]()
    assert len(server.taken) == 1


@pytest.mark.parametrize("entry", ["send-waiting-mails", "purge-expired-invitations"])
def test_the_beat_knows_what_the_workers_know(entry):
    assert app.conf.beat_schedule[entry]["task"] in app.tasks


@pytest.mark.spec("LG-166")
def test_expired_invitations_are_kept_for_90_days_and_then_deleted_with_one_event_for_the_group(acme, group, by):
    invited(acme, group, "ida@acme.test", "jan@acme.test", "kim@acme.test", by=by)
    now = timezone.now()
    with acme.context():
        mine = LicenseGroupMember.objects.filter(group_id=group.pk)
        mine.filter(address_key__in=["ida@acme.test", "jan@acme.test"]).update(
            expires_at=now - datetime.timedelta(days=90, seconds=1)
        )
        mine.filter(address_key="kim@acme.test").update(expires_at=now - datetime.timedelta(days=89))
    purge_expired_invitations()
    purge_expired_invitations()
    assert people.row_of(acme, group, "ida@acme.test") is None
    assert people.row_of(acme, group, "kim@acme.test") is not None
    assert people.row_of(acme, group, "anna@acme.test") is not None
    with acme.context():
        (event,) = Event.objects.filter(verb="license.invitations-purged")
    assert (event.count, event.channel, event.license_group_id) == (2, Channel.WORKER, group.pk)
