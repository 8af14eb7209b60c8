"""load_demo and make_demo: what they put into the database, once."""

import io
import os
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from accounts.models import DirectoryConnection, Membership, Tenant
from audit.models import Event
from config.identifiers import text_key
from config.tenancy import tenant_context
from launcher.demo_people import ACME, DEMO_PASSWORD, GLOBEX
from launcher.folders import TOOLS
from launcher.openldap import OpenLdap
from launcher.service import running
from licensing.models import LicenseGroup
from personalization import store
from personalization.actions.nightly import nightly
from personalization.demo import crowd, tenants
from personalization.models import (
    Backup,
    ManagedUser,
    PersonalizationGroup,
    ReportedMembership,
    SettingsGroup,
    SettingsProfile,
    Snapshot,
)
from roles.models import RoleAssignment

pytestmark = pytest.mark.django_db
COUNTED = (ManagedUser, PersonalizationGroup, SettingsGroup, SettingsProfile, Backup, Snapshot, RoleAssignment)


@pytest.fixture(autouse=True)
def no_directory(monkeypatch):
    for name in list(os.environ):
        if "_DIRECTORY_" in name:
            monkeypatch.delenv(name)


def counts(slug):
    with tenant_context(Tenant.objects.get(slug=slug).pk):
        return {model.__name__: model.objects.count() for model in COUNTED}


def test_a_demo_tenant_is_whole_and_loading_again_changes_nothing():
    tenants.load(organisations=[GLOBEX])
    first = counts("globex")
    assert first["ManagedUser"] == 24
    assert first["PersonalizationGroup"] == 4
    assert first["Backup"] > 4 * first["SettingsProfile"]
    tenants.load(organisations=[GLOBEX])
    assert counts("globex") == first
    with tenant_context(Tenant.objects.get(slug="globex").pk) as _:
        tenant = Tenant.objects.get(slug="globex")
        assert store.verify(tenant_id=tenant.pk).damaged == ()
        assert ReportedMembership.objects.exists()
        newest = Backup.objects.order_by("-created_at").first()
        assert newest.created_at <= max(SettingsProfile.objects.values_list("saved_at", flat=True))


def test_the_nightly_run_after_loading_finds_only_what_people_did_today():
    tenants.load(organisations=[GLOBEX])
    tenant = Tenant.objects.get(slug="globex")
    run = nightly(tenant_id=tenant.pk, day=date(2026, 1, 1))
    assert run.backups < run.unchanged
    assert run.removed <= run.backups


def test_both_tenants_are_loaded_by_the_command(monkeypatch):
    loaded = []
    monkeypatch.setattr("personalization.management.commands.load_demo.load", lambda say: loaded.append(say))
    call_command("load_demo", stdout=io.StringIO())
    assert len(loaded) == 1
    assert [organisation.slug for organisation in tenants.ORGANISATIONS] == ["acme", "globex"]


def test_events_of_the_demo_name_people_and_read_in_order(monkeypatch):
    monkeypatch.setattr(tenants, "histories", lambda *words: iter(()))  # the settings are looked at elsewhere
    tenants.load(organisations=[ACME])
    with tenant_context(Tenant.objects.get(slug="acme").pk):
        told = list(Event.objects.exclude(verb="tenant.created").order_by("id"))
        assert [event.at for event in told] == sorted(event.at for event in told)
        assert {event.labels["actor"] for event in told} == {"Alice Adler (alice)", "Bob Brandt (bob)"}
        assert ManagedUser.objects.count() > 190
        assert not told[0].group_id or told[0].group_id in PersonalizationGroup.objects.values_list("pk", flat=True)


@pytest.fixture(scope="module")
def demo_directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    server = OpenLdap(folder, TOOLS)
    with running(server, folder / "logs"):
        yield server.environment()


@pytest.mark.django_db(transaction=True, databases=["default", "operator"])  # license groups are the operator's to make
def test_with_a_directory_the_demo_sign_ins_get_their_roles(demo_directory, monkeypatch):
    from accounts.connections import directory_of

    monkeypatch.setattr(tenants, "histories", lambda *words: iter(()))
    for name, value in demo_directory.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        tenants.load()
    acme = Tenant.objects.get(slug="acme")
    with tenant_context(acme.pk):
        entries = {row.subject_name: row.role for row in RoleAssignment.objects.all()}
        connection = DirectoryConnection.objects.get()
    assert entries == {name: role for name, (role, _groups) in tenants.ENTRIES["acme"].items()}
    person = directory_of(connection).authenticate(login="bob", password=DEMO_PASSWORD)
    assert "Helpdesk Finance" in {group.name for group in person.groups}
    with tenant_context(acme.pk):
        assert Event.objects.filter(verb="directory.changed").count() == 1
        assert sorted(LicenseGroup.objects.values_list("name", flat=True)) == ["Printers Berlin", "Warehouse terminals"]
        assert Membership.objects.get(login="olga").user.is_operator
    with tenant_context(Tenant.objects.get(slug="globex").pk):
        assert RoleAssignment.objects.get().role == "persops.primary_admin"
        assert LicenseGroup.objects.count() == 1


def test_a_directory_that_does_not_answer_is_told_and_nothing_else_is_lost(monkeypatch):
    monkeypatch.setattr(tenants, "histories", lambda *words: iter(()))
    monkeypatch.setenv("GLOBEX_DIRECTORY_URL", "ldap://127.0.0.1:1")
    monkeypatch.setenv("GLOBEX_DIRECTORY_BIND_DN", "cn=roamkeep")
    monkeypatch.setenv("GLOBEX_DIRECTORY_BIND_PASSWORD", "secret")
    said = []
    tenants.load(said.append, organisations=[GLOBEX])
    assert any("run load_demo again" in line for line in said)
    assert not any("secret" in line for line in said)
    assert counts("globex")["ManagedUser"] == 24


# --- the large fixture ------------------------------------------------------------------------------------------------


def make(monkeypatch, *, batch=40, **numbers):
    monkeypatch.setattr(crowd, "BATCH", batch)
    monkeypatch.setattr("personalization.management.commands.make_demo.analyze", lambda: False)
    words = [word for name, value in numbers.items() for word in (f"--{name}", str(value))]
    call_command("make_demo", *words, stdout=io.StringIO())
    return Tenant.objects.get(slug=numbers.get("tenant", "large"))


def test_the_large_fixture_has_what_was_asked_for(monkeypatch):
    tenant = make(monkeypatch, users=100, groups=17, backups=4)
    with tenant_context(tenant.pk):
        assert ManagedUser.objects.count() == 100
        assert SettingsGroup.objects.count() == 17
        assert SettingsProfile.objects.count() == 1700
        assert set(SettingsProfile.objects.annotate(n=Count("id")).values_list("n", flat=True)) == {1}
        per_profile = Backup.objects.values("profile_id").annotate(
            n=Count("id"), distinct=Count("snapshot_id", distinct=True)
        )
        assert {(row["n"], row["distinct"]) for row in per_profile} == {(4, 4)}
        assert ReportedMembership.objects.count() == 100
        assert Snapshot.objects.count() <= 2 * crowd.DISTINCT
        assert store.verify(tenant_id=tenant.pk).damaged == ()


def test_stored_keys_of_the_large_fixture_are_those_that_searches_use(monkeypatch):
    tenant = make(monkeypatch, users=60, groups=1, backups=1)
    with tenant_context(tenant.pk):
        for user in ManagedUser.objects.all():
            assert (user.name_key, user.domain_key) == (text_key(user.name), text_key(user.domain))


@pytest.mark.parametrize("percent", [0, 5, 100])
def test_the_given_share_of_profiles_has_changed_since_the_newest_backup(monkeypatch, percent):
    tenant = make(monkeypatch, users=100, groups=3, backups=2, changed=percent)
    run = nightly(tenant_id=tenant.pk, day=date(2026, 1, 1))
    assert (run.backups, run.unchanged) == (3 * percent, 300 - 3 * percent)


def test_the_large_fixture_needs_a_new_tenant(monkeypatch):
    make(monkeypatch, users=1, groups=1, backups=1)
    with pytest.raises(CommandError, match="already"):
        make(monkeypatch, users=1, groups=1, backups=1)


def test_numbers_that_make_no_sense_are_refused(monkeypatch):
    with pytest.raises(CommandError, match="groups"):
        make(monkeypatch, users=1, groups=0, backups=1)
