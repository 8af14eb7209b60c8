"""Every address x method x person x target x with and without HTMX, against the oracle: cells nobody has to remember."""

import itertools
import re
import uuid

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from audit.actions import Actor, record
from config.apps import declared_views
from personalization.models import Task
from tests import factories
from tests.conftest import DEEP
from tests.sweeps.oracle import ADMIN, PRIMARY, PRINCIPALS, RULES, SUPPORT, TARGETS, verdict

pytestmark = pytest.mark.django_db

ROLE = {PRIMARY: "persops.primary_admin", ADMIN: "persops.admin", SUPPORT: "persops.support_desk"}
ADDRESSES = {name: (route, view) for route, view, name in declared_views()}


def test_every_address_has_a_verdict_and_every_verdict_an_address():
    assert set(ADDRESSES) == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_view_declares_the_methods_that_the_oracle_expects(name):
    assert ADDRESSES[name][1].policy.methods == RULES[name].methods


def objects(world, group):
    """Return {kind: ids for the address} of one tenant and personalization group."""
    user = factories.managed_user(world, f"user-{group}", group=getattr(world, group))
    mail = factories.settings_group(world, f"Mail {group}")
    profile = factories.profile(world, user, mail, factories.settings(theme="dark"))
    backup = factories.backup(world, profile, factories.settings(theme="light"))
    deleted = factories.backup(world, profile, factories.settings(theme="red"), deleted_at=timezone.now())
    somebody = Actor(id=uuid.uuid4(), name="Somebody")
    subject = factories.group(world, f"Group {group}")
    entry = factories.entry(world, subject, "persops.support_desk", [getattr(world, group)])
    with world.context():
        event = record("backup.created", tenant_id=world.pk, by=somebody, group_id=getattr(world, group))
        number = Task.objects.count() + 1
        now = timezone.now()
        task = Task.objects.create(
            tenant=world.tenant, number=number, name="Task", creator_id=uuid.uuid4(), creator_user_id=uuid.uuid4(),
            creator_name="Somebody", created_at=now, run_after=now, scope_groups=[str(getattr(world, group))],
        )  # fmt: skip
    return {
        "user": {"pk": user.pk},
        "profile": {"pk": user.pk, "profile": profile.pk},
        "backup": {"pk": backup.pk},
        "deleted backup": {"pk": deleted.pk},
        "task": {"pk": task.pk},
        "own task": {"pk": task.pk},
        "event": {"pk": event.pk},
        "entry": {"pk": entry.pk},
    }


@pytest.fixture
def targets(acme, globex):
    """Ids by target and kind; "nowhere" invents ids of the same shape."""
    found = {
        "finance": objects(acme, "finance"),
        "engineering": objects(acme, "engineering"),
        "foreign": objects(globex, "finance"),
    }
    found["nowhere"] = {kind: {key: uuid.uuid4() for key in ids} for kind, ids in found["finance"].items()}
    return found


@pytest.fixture
def browsers(acme, globex, sign_in):
    """A signed-in browser for each person of the matrix."""
    worlds, found = {"acme": acme, "globex": globex}, {}
    for number, principal in enumerate(PRINCIPALS):
        if principal.tenant is None:
            found[principal.name] = Client()
            continue
        world = worlds[principal.tenant]
        member = factories.member(world, principal.name.title(), f"person{number}")
        # A person has one entry; further roles come from groups (spec 2.1).
        for place, (role, group) in enumerate(principal.roles):
            subject = member if place == 0 else factories.group(world, f"Of {number}", members=[member])
            factories.entry(world, subject, ROLE[role], [getattr(world, group)] if group else [])
        found[principal.name] = sign_in(member)
        if not principal.active:
            with world.context():
                Membership.objects.filter(pk=member.pk).update(is_active=False)
    return found


def read(answer, htmx):
    """Return the verdict that an answer stands for."""
    where = answer.headers.get("HX-Redirect" if htmx else "Location", "")
    if "/sign-in/" in where and answer.status_code in (200, 204, 302, 303):
        return "sign-in"
    if answer.status_code == 403 and "You were signed out." in answer.text:  # a form is kept, not sent away
        return "sign-in"
    return {403: "forbidden", 404: "absent", 405: "wrong method"}.get(answer.status_code, "answered")


def cells(name):
    """Return the cells of an address; the method that no view takes is tried on one target, unless DEEP."""
    rule = RULES[name]
    targets = TARGETS if rule.kind else ("finance",)
    for principal, target, htmx in itertools.product(PRINCIPALS, targets, [False, True]):
        for method in ("GET", "POST", "DELETE"):
            if DEEP or method in rule.methods or (target, htmx) == ("finance", False):
                yield principal, method, target, htmx


# These end the browser's own session; every other cell would then be anonymous.
ENDS_THE_SESSION = {"sign-out", "end-other-sessions", "end-session"}


@pytest.mark.spec("AC-ROL-2", "AC-ROL-6", "AC-URL-5", "AC-TSK-7")
@pytest.mark.parametrize("name", sorted(set(RULES) - ENDS_THE_SESSION))
def test_the_console_answers_as_the_oracle_says(name, acme, targets, browsers):
    rule, wrong = RULES[name], []
    for principal, method, target, htmx in cells(name):
        arguments = dict(targets[target][rule.kind]) if rule.kind else {}
        if "<slug:tenant>" in ADDRESSES[name][0]:
            arguments["tenant"] = acme.slug
        app = ADDRESSES[name][1].__module__.split(".")[0]
        address = reverse(name if app == "config" else f"{app}:{name}", kwargs=arguments)
        headers = {"HX-Request": "true"} if htmx else {}
        with transaction.atomic():
            body = f"submission={uuid.uuid4()}" if method == "POST" else ""
            answer = browsers[principal.name].generic(
                method, address, body, content_type="application/x-www-form-urlencoded", headers=headers
            )
            if answer.streaming:
                b"".join(answer.streaming_content)
            transaction.set_rollback(True)
        expected, got = verdict(principal, rule, method, target), read(answer, htmx)
        if got != expected or answer.status_code >= 500:
            wrong.append(
                f"{principal.name}: {method} {target}{' htmx' if htmx else ''}: {answer.status_code}, not {expected}"
            )
    assert wrong == []


def test_not_yours_and_not_there_have_the_same_body(acme, globex, targets, browsers):
    browser = browsers["support desk of finance"]
    bodies = {
        browser.get(acme.url(f"users/{targets[target]['user']['pk']}/")).content.replace(
            str(targets[target]["user"]["pk"]).encode(), b"ID"
        )
        for target in ("engineering", "foreign", "nowhere")
    }
    assert len({scrubbed(body) for body in bodies}) == 1


def scrubbed(body):
    """Return a body without what differs by request: the form token and the request id."""
    return re.sub(rb'(value="|"X-CSRFToken": ")[A-Za-z0-9]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', b"", body)


@pytest.mark.parametrize("name", sorted(set(RULES) - ENDS_THE_SESSION))
def test_every_answer_forbids_framing_sniffing_scripts_and_caching(name, acme, targets, browsers):
    rule = RULES[name]
    arguments = dict(targets["finance"][rule.kind]) if rule.kind else {}
    if "<slug:tenant>" in ADDRESSES[name][0]:
        arguments["tenant"] = acme.slug
    app = ADDRESSES[name][1].__module__.split(".")[0]
    address = reverse(name if app == "config" else f"{app}:{name}", kwargs=arguments)
    for browser in (browsers["primary administrator"], browsers["anonymous"]):
        answer = browser.generic(rule.methods[0], address)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.headers["Referrer-Policy"] == "same-origin"
