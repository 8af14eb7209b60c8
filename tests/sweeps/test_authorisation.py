"""Every address x method x person x target x with and without HTMX, against the oracle: cells nobody has to remember."""

import itertools
import re
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from audit.actions import Actor, record
from config.apps import declared_views
from licensing.device_keys import digest_of, new_key
from licensing.links import domain_token, invitation_token
from licensing.models import Device, GroupDomain, LicenseGroupMember, LicenseRoleBlock, MemberStatus
from personalization.models import Task
from tests import factories
from tests.conftest import DEEP, empty_tables
from tests.licensing import people
from tests.persona.panels import panel
from tests.sweeps.oracle import (
    ACCOUNT,
    ADMIN,
    LICENSE_ADMIN,
    LICENSE_KINDS,
    PRIMARY,
    PRINCIPALS,
    RULES,
    SUPPORT,
    USER,
    targets_of,
    verdict,
)

pytestmark = pytest.mark.django_db(databases=["default", "operator"])

ROLE = {PRIMARY: "persops.primary_admin", ADMIN: "persops.admin", SUPPORT: "persops.support_desk"}
OUTSIDE = {"operator/": "operator", "persona/": "persona"}  # namespaces that are not called as their app


def addresses():
    """Return {name: (route, view, full name)} of every address; a name that several apps use stands with its namespace."""
    found = {}
    for route, view, name in declared_views():
        app = view.__module__.split(".")[0]
        space = next((space for start, space in OUTSIDE.items() if route.startswith(start)), app)
        found.setdefault(name, []).append((route, view, name if app == "config" else f"{space}:{name}"))
    named = {}
    for name, several in found.items():
        named |= (
            {name: several[0]} if len(several) == 1 else {full: (route, view, full) for route, view, full in several}
        )
    return named


ADDRESSES = addresses()


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


def license_objects(world, group, name):
    """Return {kind: ids for the address} of one license group: a User, an invitation, a block and a domain in it."""
    member = people.join(
        world, group, people.person(world, f"{name.title()} Member"), address=f"{name}@{world.slug}.test"
    )
    now = timezone.now()
    with world.context():
        block = LicenseRoleBlock.objects.create(
            tenant=world.tenant, group_id=group.pk, address=f"blocked@{name}.test", address_key=f"blocked@{name}.test",
            created_at=now, created_by="Somebody",
        )  # fmt: skip
        invitation = LicenseGroupMember.objects.create(
            tenant=world.tenant, group_id=group.pk, address=f"new@{name}.test", address_key=f"new@{name}.test",
            status=MemberStatus.PENDING, is_admin=True, added_at=now, sent_at=now, generation=1,
            expires_at=now + timedelta(days=7),
        )  # fmt: skip
        domain = GroupDomain.objects.create(
            tenant=world.tenant, group_id=group.pk, domain=f"{name}.test", asked_at=now, asked_of=f"post@{name}.test"
        )
        device = Device.objects.create(
            tenant=world.tenant, group_id=group.pk, name="Printer", key_digest=digest_of(new_key()), added_by="Somebody",
            added_at=now,
        )  # fmt: skip
    return {
        "license group": {"group": group.pk},
        "license device": {"group": group.pk, "pk": device.pk},
        "place": {"group": group.pk},
        "license member": {"group": group.pk, "pk": member.pk},
        "license block": {"group": group.pk, "pk": block.pk},
        "organisation": {"slug": world.slug},
        "bought group": {"slug": world.slug, "pk": group.pk},
        "invitation link": {"token": invitation_token(invitation.pk, 1)},
        "another's invitation": {"token": invitation_token(invitation.pk, 1)},
        "domain link": {"token": domain_token(domain.pk, 1)},
    }


def invented(ids):
    """Return ids of the same shape that nothing has."""
    return {
        kind: {key: f"no-{key}" if key in ("slug", "token") else uuid.uuid4() for key in names}
        for kind, names in ids.items()
    }


@pytest.fixture(scope="module")
def matrix(django_db_setup, django_db_blocker):
    """Return ({target: {kind: ids}}, {principal: browser}, acme), committed once: each cell is rolled back.

    License groups are the operator's to make, on another connection, which sees only what is committed.
    """
    with django_db_blocker.unblock():
        try:
            yield build()
        finally:
            empty_tables()


def build():
    """Make both tenants with a target of each kind, and a signed-in browser for each person of the matrix."""
    worlds = {
        "acme": factories.world("acme", "Acme Industries"),
        "globex": factories.world("globex", "Globex Corporation"),
    }
    acme, globex = worlds["acme"], worlds["globex"]
    targets = {
        "finance": objects(acme, "finance"),
        "engineering": objects(acme, "engineering"),
        "foreign": objects(globex, "finance"),
        "none": {},
    }
    members = {
        principal.name: person_of(worlds[principal.tenant], number, principal)
        for number, principal in enumerate(PRINCIPALS)
        if principal.tenant
    }
    owners = {principal.owns: members[principal.name] for principal in PRINCIPALS if principal.owns}
    owners["two"] = people.person(acme, "Owner Of Two")
    groups = {
        name: people.license_group(globex if name == "foreign" else acme, owner, seats=10, name=f"Group {name}")
        for name, owner in owners.items()
    }
    for name, group in groups.items():
        targets.setdefault(name, {}).update(license_objects(globex if name == "foreign" else acme, group, name))
    take_places(worlds, groups, members, targets)
    crossed = {kind: {**targets["two"][kind], **targets["one"]["license group"]} for kind in LICENSE_KINDS}
    crossed["bought group"] = {"slug": acme.slug, "pk": groups["foreign"].pk}
    targets["nowhere"] = invented(targets["finance"] | targets["one"])
    targets["crossed"] = targets["nowhere"] | crossed | {"license group": targets["nowhere"]["license group"]}
    browsers = {principal.name: browser_of(principal, members.get(principal.name)) for principal in PRINCIPALS}
    return targets, browsers, acme


def person_of(world, number, principal):
    """Return the Membership of a person of the matrix with their entries of User Roles."""
    member = people.person(world, f"Person{number} {principal.name.title()}")
    # A person has one entry; further roles come from groups (spec 2.1).
    for place, (role, group) in enumerate(principal.roles):
        subject = member if place == 0 else factories.group(world, f"Of {number}", members=[member])
        factories.entry(world, subject, ROLE[role], [getattr(world, group)] if group else [])
    if not principal.active:
        with world.context():
            Membership.objects.filter(pk=member.pk).update(is_active=False)
    return member


def take_places(worlds, groups, members, targets):
    """Write the places of the principals, and a panel for each User among them."""
    for principal in PRINCIPALS:
        world, member = worlds.get(principal.tenant), members.get(principal.name)
        for name in {name for _role, name in principal.places} - {principal.owns}:
            is_user, is_admin = principal.holds(USER, name), principal.holds(LICENSE_ADMIN, name)
            people.join(world, groups[name], member, is_user=is_user, is_admin=is_admin)
            if is_user:
                targets[name]["panel"] = {"pk": panel(member.user, "My panel").pk}
    stranger = people.person(worlds["globex"], "Panel Owner")
    targets["foreign"]["panel"] = {"pk": panel(stranger.user, "Another's").pk}


def browser_of(principal, member):
    """Return a browser in which the person is signed in; the operator belongs to no organisation."""
    browser = Client()
    if not principal.is_signed_in:
        return browser
    user = member.user if member else factories.operator("Olga Orlova", "olga@roamkeep.example")
    session = browser.session
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "accounts.backends.SessionBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["tenant_id"] = str(member.tenant_id) if member else None
    session.save()
    browser.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return browser


def read(answer, htmx, rule):
    """Return the verdict that an answer stands for."""
    where = answer.headers.get("HX-Redirect" if htmx else "Location", "")
    if rule.least == ACCOUNT and where == reverse("accounts:start") and answer.status_code in (204, 303):
        return "sign-in"  # outside every tenant nobody knows yet where to sign in
    if "/sign-in/" in where and answer.status_code in (200, 204, 302, 303):
        return "sign-in"
    if answer.status_code == 403 and "You were signed out." in answer.text:  # a form is kept, not sent away
        return "sign-in"
    return {401: "no key", 403: "forbidden", 404: "absent", 405: "wrong method"}.get(answer.status_code, "answered")


def cells(name):
    """Return the cells of an address; unless DEEP, HTMX and the methods that no view takes are tried on one target."""
    rule = RULES[name]
    targets = targets_of(rule)
    for principal, target, htmx in itertools.product(PRINCIPALS, targets, [False, True]):
        for method in ("GET", "POST", "DELETE", *({"PUT"} & set(rule.methods))):
            is_asked = method in rule.methods and (target == targets[0] or not htmx)
            if DEEP or is_asked or (target, htmx) == (targets[0], False):
                yield principal, method, target, htmx


def address_of(name, target, targets, acme):
    """Return the address of a target: below acme's where it has a tenant."""
    route, _view, full = ADDRESSES[name]
    arguments = dict(targets[target][RULES[name].kind]) if RULES[name].kind else {}
    if "<slug:tenant>" in route:
        arguments["tenant"] = acme.slug
    return reverse(full, kwargs=arguments)


# These end the browser's own session; every other cell would then be anonymous.
ENDS_THE_SESSION = {"sign-out", "end-other-sessions", "end-session"}


@pytest.mark.spec("AC-ROL-2", "AC-ROL-6", "AC-URL-5", "AC-TSK-7", "LG-03", "LG-08", "LG-25", "LG-29", "LG-30")
@pytest.mark.parametrize("name", sorted(set(RULES) - ENDS_THE_SESSION))
def test_the_console_answers_as_the_oracle_says(name, matrix):
    targets, browsers, acme = matrix
    rule, wrong = RULES[name], []
    for principal, method, target, htmx in cells(name):
        headers = {"HX-Request": "true"} if htmx else {}
        with transaction.atomic():
            body = f"submission={uuid.uuid4()}" if method == "POST" else ""
            answer = browsers[principal.name].generic(
                method,
                address_of(name, target, targets, acme),
                body,
                content_type="application/x-www-form-urlencoded",
                headers=headers,
            )
            if answer.streaming:
                b"".join(answer.streaming_content)
            transaction.set_rollback(True)
        expected, got = verdict(principal, rule, method, target), read(answer, htmx, rule)
        if got != expected or answer.status_code >= 500:
            wrong.append(
                f"{principal.name}: {method} {target}{' htmx' if htmx else ''}: {answer.status_code}, not {expected}"
            )
    assert wrong == []


@pytest.mark.parametrize(
    ("who", "name", "unseen"),
    [
        ("support desk of finance", "user", ("engineering", "foreign", "nowhere")),
        ("license admin of one", "group", ("two", "foreign", "nowhere")),
        ("license admin of one", "device-renew", ("two", "crossed", "foreign", "nowhere")),
        ("license admin of one", "member-edit", ("two", "crossed", "foreign", "nowhere")),
        ("license user of one", "leave", ("two", "foreign", "nowhere")),
        ("license user of one", "panel", ("two", "foreign", "nowhere")),
    ],
)
def test_not_yours_and_not_there_have_the_same_body(matrix, who, name, unseen):
    targets, browsers, acme = matrix
    answers = [browsers[who].get(address_of(name, target, targets, acme)) for target in unseen]
    assert {answer.status_code for answer in answers} == {404}
    assert len({scrubbed(answer.content) for answer in answers}) == 1


def scrubbed(body):
    """Return a body without what differs by request: ids, the form token and the request id."""
    return re.sub(rb'(value="|"X-CSRFToken": ")[A-Za-z0-9]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', b"", body)


@pytest.mark.parametrize("name", sorted(set(RULES) - ENDS_THE_SESSION))
def test_every_answer_forbids_framing_sniffing_scripts_and_caching(name, matrix):
    targets, browsers, acme = matrix
    rule = RULES[name]
    address = address_of(name, targets_of(rule)[0], targets, acme)
    for who in ("primary administrator", "license admin and user of two", "platform operator", "anonymous"):
        answer = browsers[who].generic(rule.methods[0], address)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.headers["Referrer-Policy"] == "same-origin"
