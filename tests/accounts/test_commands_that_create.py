"""The commands create_tenant and create_local_user: what they make, and what they refuse with what to do."""

import pytest
from django.core.management import CommandError
from django.db import IntegrityError, transaction

from accounts.models import Tenant, User
from accounts.signals import tenant_created
from config.tenancy import tenant_context
from personalization.models import PersonalizationGroup
from roles.grants import scope_objects
from tests import factories
from tests.accounts.conftest import LONG, events, sign_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


# --- create_tenant --------------------------------------------------------------------------------------------------


def test_create_tenant_makes_a_tenant_with_its_event(db, run):
    assert "/t/initech/sign-in/" in run("create_tenant", "initech", "Initech", "--time-zone", "America/Chicago")
    tenant = Tenant.objects.get(slug="initech")
    assert (tenant.name, tenant.time_zone) == ("Initech", "America/Chicago")
    world = factories.World(tenant, None, None, None, None)
    (event,) = events(world)
    assert (event.verb, event.channel, event.subject_id) == ("tenant.created", "command", tenant.pk)


def test_a_new_tenant_has_the_group_of_everybody_whom_no_rule_matches(db, run):
    run("create_tenant", "initech", "Initech")
    tenant = Tenant.objects.get(slug="initech")
    with tenant_context(tenant.pk):
        PersonalizationGroup.objects.create(tenant=tenant, name="Sales")
        assert list(scope_objects(tenant.pk).values_list("name", "is_default")) == [
            ("Sales", False),
            ("Default Users", True),
        ]
        with pytest.raises(IntegrityError, match="one_default"), transaction.atomic():
            PersonalizationGroup.objects.create(tenant=tenant, name="Another", is_default=True)


def test_apps_above_can_prepare_a_new_tenant_and_their_error_undoes_it(db, run):
    def fail(sender, tenant, by, **kwargs):
        raise RuntimeError(tenant.slug)

    tenant_created.connect(fail)
    try:
        with pytest.raises(RuntimeError, match="initech"):
            run("create_tenant", "initech", "Initech")
    finally:
        tenant_created.disconnect(fail)
    assert not Tenant.objects.filter(slug="initech").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("acme", "Again"), "taken"),
        (("Bad Slug!", "Name"), "slug"),
        (("ACME", "Name"), "slug"),
        (("x-", "Name"), "slug"),
        (("a_b", "Name"), "slug"),
        (("ärger", "Name"), "slug"),
        (("fine", "Na\x01me"), "name"),
        (("x" * 41, "Name"), "40"),
        (("fine", ""), "name"),
        (("fine", "  "), "name"),
        (("", "Name"), "slug"),
        (("  ", "Name"), "slug"),
        (("fine", "Name", "--time-zone", ""), "Europe/Berlin"),
        (("fine", "x" * 101), "100"),
        (("fine", "Name", "--time-zone", "Mars/Olympus"), "Europe/Berlin"),
    ],
)
def test_create_tenant_refuses_wrong_input_with_a_sentence(acme, run, words, told):
    with pytest.raises(CommandError, match=told):
        run("create_tenant", *words)
    assert Tenant.objects.count() == 1


# --- create_local_user ----------------------------------------------------------------------------------------------


def test_create_local_user_makes_somebody_who_can_sign_in(acme, run, password_file, browse):
    assert "Dora Dunn" in run("create_local_user", "acme", "dora", "Dora Dunn", "--password-file", password_file)
    assert sign_in_as(browse(), acme, "dora", LONG).status_code == 302
    told = events(acme, "membership.created")
    assert LONG not in str([event.labels for event in told])


def test_create_local_user_asks_for_the_password_twice(acme, run, monkeypatch, browse):
    answers = iter([LONG, LONG])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    run("create_local_user", "acme", "dora", "Dora Dunn")
    assert sign_in_as(browse(), acme, "dora", LONG).status_code == 302
    differing = iter([LONG, "something else"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(differing))
    with pytest.raises(CommandError, match="differ"):
        run("create_local_user", "acme", "emil", "Emil Ernst")


def test_create_local_user_says_how_to_give_the_password_where_nobody_can_type_it(acme, run, monkeypatch):
    def end_of_input(prompt):
        raise EOFError

    monkeypatch.setattr("getpass.getpass", end_of_input)
    with pytest.raises(CommandError) as error:
        run("create_local_user", "acme", "dora", "Dora Dunn")
    assert str(error.value) == (
        "There is no terminal to type the password at. Write it in the first line of a file and give that: "
        "--password-file FILE."
    )


@pytest.mark.parametrize("password", ["tiny9", "1234567890123", "password123", "Dora Dunn", "", "   "])
def test_create_local_user_refuses_a_weak_password(acme, run, tmp_path, password):
    path = tmp_path / "password"
    path.write_text(password)
    with pytest.raises(CommandError) as error:
        run("create_local_user", "acme", "dora", "Dora Dunn", "--password-file", str(path))
    assert not password.strip() or password not in str(error.value)
    assert not User.objects.exists()


def test_create_local_user_refuses_a_login_that_differs_by_case_or_marks_only(acme, run, password_file):
    run("create_local_user", "acme", "zoe", "Zoe Zahn", "--password-file", password_file)
    with pytest.raises(CommandError, match="taken"):
        run("create_local_user", "acme", "ZOË", "Zoë Zahn", "--password-file", password_file)
    assert User.objects.count() == 1


def test_the_same_login_may_exist_in_another_tenant(acme, globex, run, password_file):
    for slug in ("acme", "globex"):
        run("create_local_user", slug, "zoe", "Zoe Zahn", "--password-file", password_file)
    assert User.objects.count() == 2


def test_a_missing_password_file_is_said(acme, run):
    with pytest.raises(CommandError, match="cannot be read"):
        run("create_local_user", "acme", "zoe", "Zoe Zahn", "--password-file", "/nowhere/password")
