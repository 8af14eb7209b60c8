"""The page behind an invitation's link, through HTTP: who may accept, who may not, and what the others are told."""

import datetime
import re

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, User
from audit.models import Event
from config.tenancy import operator_context
from licensing.actions.blocks import block_addresses
from licensing.actions.groups import ask_domain
from licensing.actions.invitations import invite, resend
from licensing.links import domain_token, invitation_token
from licensing.models import LicencePlace, LicenseGroup, LicenseGroupMember
from tests import factories
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PASSWORD = "correct horse battery"  # noqa: S105
NEW = {"first_name": "Ida", "last_name": "Ilg", "password": PASSWORD, "password_again": PASSWORD}


@pytest.fixture
def invited(acme, group, by):
    """Return a function: the pending row of an address."""

    def make(address="ida@acme.test", *, world=acme, of=group, who=by, **roles):
        with world.context():
            roles = {"is_user": True, "is_admin": False} | roles
            invite(tenant_id=world.pk, group_id=of.pk, addresses=[(address, address)], by=who, **roles)
        return people.row_of(world, of, address)

    return make


@pytest.fixture
def ida(acme):
    return people.person(acme, "Ida Ilg")


def link(world, row, more=""):
    return world.url(f"invitations/{invitation_token(row.pk, row.generation)}/{more}")


def member(world, row):
    row = people.fresh(world, row)
    return row.status, row.is_user, row.is_admin


def problem(answer):
    found = re.search(r'<div role="alert">.*?<p>(.*?)</p>', answer.text, re.S)
    return found and found[1]


# --- with an account ------------------------------------------------------------------------------------------------


def test_a_member_who_is_invited_under_another_address_gets_the_roles_of_both(acme, group, invited, frank, sign_in):
    frank.user.email = frank.user.email_key = None  # such as somebody of the directory
    frank.user.save()
    people.join(acme, group, frank, is_user=False, is_admin=True, address="frank@directory.test")
    row, browser = invited("frank@mail.test"), sign_in(frank)
    answer = browser.post(link(acme, row), follow=True)
    assert answer.status_code == 200
    assert "You are a member of Printers now: User, Admin." in answer.text
    assert people.row_of(acme, group, "frank@mail.test") is None
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-60", "LG-69", "LG-71")
def test_looking_accepts_nothing_and_posting_does_once(acme, group, invited, ida, sign_in):
    row, browser = invited(), sign_in(ida)
    page = browser.get(link(acme, row))
    assert page.status_code == 200
    for words in ("Printers", "Acme Industries", "ida@acme.test", "Anna Ahlers", "Accept"):
        assert words in page.text
    assert browser.head(link(acme, row)).status_code == 200
    assert member(acme, row) == ("pending", True, False)
    answer = browser.post(link(acme, row))
    assert (answer.status_code, answer["Location"]) == (303, acme.url("licensing/"))
    joined = people.fresh(acme, row)
    assert (joined.status, joined.user_id, joined.first_name, joined.last_name) == ("active", ida.user_id, "Ida", "Ilg")
    assert people.used(acme, group) == 1
    assert browser.post(link(acme, row)).status_code == 410
    with acme.context():
        event = Event.objects.get(verb="license.invitation-accepted")
    assert (event.actor_id, event.labels["address"]) == (ida.pk, "ida@acme.test")


@pytest.mark.spec("LG-70")
def test_another_persons_address_is_refused_and_touches_nothing(acme, invited, frank, sign_in):
    row, browser = invited(), sign_in(frank)
    page = browser.get(link(acme, row))
    assert "You are signed in with another address" in page.text
    assert "Sign out" in page.text
    assert ">Accept<" not in page.text
    answer = browser.post(link(acme, row), NEW)
    assert answer.status_code == 403
    assert problem(answer) == "This invitation is for another address. Nothing was changed."
    assert member(acme, row) == ("pending", True, False)
    with acme.context():
        event = Event.objects.get(verb="access.refused")
    assert (event.labels["reason"], event.outcome) == ("other-address", "refused")


def test_an_account_without_a_session_is_sent_to_sign_in_and_back(acme, invited, ida):
    ida.user.set_password(PASSWORD)
    ida.user.save()
    row, browser = invited(), Client()
    mailed = link(acme, row)  # once: the signature holds the second
    page = browser.get(mailed)
    assert "Create your account" not in page.text
    address = re.search(r'href="(/t/acme/sign-in/\?next=[^"]+)"', page.text)[1]
    form = browser.get(address)
    next_ = re.search(r'name="next" value="([^"]+)"', form.text)[1]
    answer = browser.post(acme.url("sign-in/"), {"login": "ida", "password": PASSWORD, "next": next_})
    assert answer["Location"] == mailed
    assert browser.post(answer["Location"]).status_code == 303
    assert member(acme, row) == ("active", True, False)


def test_posting_without_a_session_for_an_account_that_exists_is_refused(acme, invited, ida):
    row = invited()
    answer = Client().post(link(acme, row), NEW)
    assert answer.status_code == 403
    assert member(acme, row) == ("pending", True, False)
    assert User.objects.filter(email_key="ida@acme.test").count() == 1


@pytest.mark.spec("LG-70", "LG-141")
def test_the_link_proves_the_address_of_an_account_that_had_none_and_its_domain_counts_at_once(
    acme, group, invited, by, sign_in, anna
):
    dora = people.person(acme, "Dora Dahl", verified=False)
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    row = invited("dora@acme.test", is_user=False, is_admin=True)
    browser = sign_in(dora)
    assert "becomes the verified address of your account" in browser.get(link(acme, row)).text
    assert browser.post(link(acme, row)).status_code == 303
    assert User.objects.get(pk=dora.user_id).email_key == "dora@acme.test"
    assert member(acme, row) == ("active", True, True)  # Admin by the invitation, User by the domain


def test_a_local_account_of_another_organisation_joins_with_its_session(acme, globex, invited):
    gina = people.person(globex, "Gina Gold")
    gina.user.set_password(PASSWORD)
    gina.user.save()
    row, browser = invited("gina@globex.test"), Client()
    page = browser.get(link(acme, row))
    assert "an account in another organisation" in page.text
    browser.post(globex.url("sign-in/"), {"login": "gina", "password": PASSWORD})
    assert browser.post(link(acme, row)).status_code == 303
    assert member(acme, row) == ("active", True, False)
    with acme.context():
        joined = Membership.objects.get(user_id=gina.user_id, tenant_id=acme.pk)
        assert (joined.login, joined.name, joined.source) == ("gina@globex.test", "Gina Gold", "local")
        assert Event.objects.filter(verb="membership.created", subject_id=joined.pk).exists()
    assert browser.get(acme.url("account/")).status_code == 200


# --- without an account ---------------------------------------------------------------------------------------------


@pytest.mark.spec("LG-60", "LG-70")
def test_somebody_new_registers_and_is_signed_in_as_a_member(acme, group, invited):
    row, browser = invited(is_admin=True), Client()
    page = browser.get(link(acme, row))
    assert "Create your account" in page.text
    assert "10 characters" in page.text
    answer = browser.post(link(acme, row), NEW)
    assert (answer.status_code, answer["Location"]) == (302, acme.url("licensing/"))
    assert member(acme, row) == ("active", True, True)
    user = User.objects.get(email_key="ida@acme.test")
    assert (user.email, user.display_name) == ("ida@acme.test", "Ida Ilg")
    assert user.password.startswith("argon2$argon2id$")
    with acme.context():
        joined = Membership.objects.get(user=user)
        assert (joined.login, joined.source, joined.is_active) == ("ida@acme.test", "local", True)
        assert joined.signed_in_at is not None
        events = Event.objects.filter(tenant_id=acme.pk).order_by("at", "id")
        verbs = [
            verb for verb in events.values_list("verb", flat=True) if verb.startswith(("acc", "mem", "sig", "license."))
        ]
        assert PASSWORD not in str(list(events.values_list("labels", flat=True)))
    assert verbs[-4:] == ["account.registered", "membership.created", "license.invitation-accepted", "signin.succeeded"]
    assert browser.get(acme.url("account/")).status_code == 200
    assert browser.session["tenant_id"] == str(acme.pk)
    assert Client().post(link(acme, row), NEW).status_code == 410
    again = Client().post(acme.url("sign-in/"), {"login": "ida@acme.test", "password": PASSWORD})
    assert again.status_code == 302


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "short", "password_again": "short"}, "too short"),
        ({"password": "ida@acme.test", "password_again": "ida@acme.test"}, "too similar"),
        ({"password": "12345678901234", "password_again": "12345678901234"}, "entirely numeric"),
        ({"password_again": "correct horse bakery"}, "The two passwords differ."),
        ({"password": " " * 12, "password_again": " " * 12}, "A password is needed."),
        ({"first_name": ""}, "This field is required."),
        ({"last_name": "x\0"}, "Null characters are not allowed."),
    ],
)
def test_a_registration_keeps_the_rules_and_what_was_typed_but_no_password(acme, invited, change, words):
    row, browser = invited(), Client()
    for _ in range(5):  # mistakes are not counted as attempts
        answer = browser.post(link(acme, row), NEW | change)
        assert answer.status_code == 422
    assert words in answer.text
    assert PASSWORD not in answer.text
    if "last_name" not in change:
        assert 'value="Ilg"' in answer.text
    assert member(acme, row) == ("pending", True, False)
    assert not User.objects.filter(email_key="ida@acme.test").exists()


def test_registrations_of_an_address_are_slowed_like_sign_ins(acme, group, invited):
    row = invited()
    with acme.context():
        LicenseGroup.objects.filter(pk=group.pk).update(name="Full")
    people_fill(acme, group)
    codes = [Client().post(link(acme, row), NEW).status_code for _ in range(5)]
    assert codes == [422, 422, 422, 429, 429]
    answer = Client().post(link(acme, row), NEW)
    assert int(answer["Retry-After"]) > 0
    assert "Too many attempts" in answer.text


def people_fill(world, group, seats=5):
    for number in range(seats):
        people.join(world, group, people.person(world, f"Seat{number} Holder"))


def test_a_session_of_the_browser_gets_a_new_key_when_somebody_registers(acme, invited):
    row, browser = invited(), Client()
    session = browser.session
    session["planted"] = True
    session.save()
    browser.cookies[django_settings.SESSION_COOKIE_NAME] = planted = session.session_key
    browser.post(link(acme, row), NEW)
    assert browser.cookies[django_settings.SESSION_COOKIE_NAME].value != planted


# --- rules that are looked at again -----------------------------------------------------------------------------------


@pytest.mark.spec("LG-72")
@pytest.mark.parametrize("has_account", [True, False])
def test_without_a_free_licence_nothing_happens_and_the_admins_are_told(acme, group, invited, sign_in, by, has_account):
    ida = people.person(acme, "Ida Ilg") if has_account else None
    row = invited()
    people_fill(acme, group)
    browser = sign_in(ida) if ida else Client()
    answer = browser.post(link(acme, row), NEW)
    assert answer.status_code == 422
    assert problem(answer).startswith("No licence is free in Printers.")
    after = people.fresh(acme, row)
    assert (after.status, after.expires_at, after.generation) == ("pending", row.expires_at, row.generation)
    assert after.seat_wanted_at is not None
    assert User.objects.filter(email_key="ida@acme.test").exists() is has_account
    with acme.context():
        event = Event.objects.get(verb="access.refused", license_group_id=group.pk)
        assert event.labels["reason"] == "no-seat"
        LicenseGroupMember.objects.filter(address_key="seat0@acme.test").update(status="ended", ended_at=timezone.now())
    assert browser.post(link(acme, row), NEW).status_code in (302, 303)


@pytest.mark.spec("LG-73", "LG-102")
@pytest.mark.parametrize("has_account", [True, False])
@pytest.mark.parametrize("is_admin", [True, False])
def test_a_block_after_sending_drops_user_and_ends_what_has_no_role_left(
    acme, group, invited, sign_in, by, has_account, is_admin
):
    ida = people.person(acme, "Ida Ilg") if has_account else None
    row = invited(is_admin=is_admin)
    with acme.context():
        LicenseGroupMember.objects.filter(pk=row.pk).update(status="ended", ended_at=timezone.now())
        block_addresses(tenant_id=acme.pk, group_id=group.pk, addresses=[("ida@acme.test", "ida@acme.test")], by=by)
        LicenseGroupMember.objects.filter(pk=row.pk).update(status="pending", ended_at=None)
    answer = (sign_in(ida) if ida else Client()).post(link(acme, row), NEW)
    if is_admin:
        assert answer.status_code in (302, 303)
        assert member(acme, row) == ("active", False, True)
    else:
        assert answer.status_code == 410
        assert people.fresh(acme, row).status == "ended"
        assert "license.invitation-revoked" in people.verbs(acme, group)
        assert User.objects.filter(email_key="ida@acme.test").exists() is has_account
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-17", "LG-74")
def test_who_holds_user_elsewhere_leaves_it_there_by_a_tick_in_one_step(acme, group, invited, ida, sign_in, anna):
    other = people.license_group(acme, people.person(acme, "Otto Ohm"), name="Scanners")
    old = people.join(acme, other, ida)
    row, browser = invited(), sign_in(ida)
    page = browser.get(link(acme, row))
    assert "You hold the role User in Scanners." in page.text
    answer = browser.post(link(acme, row))
    assert answer.status_code == 422
    assert "Scanners" in problem(answer)
    assert member(acme, row)[0] == "pending"
    assert member(acme, old)[0] == "active"
    assert browser.post(link(acme, row), {"leave_other": "yes"}).status_code == 303
    assert member(acme, old)[0] == "ended"
    assert LicencePlace.objects.get(user_id=ida.user_id).member_id == row.pk
    assert (people.used(acme, group), people.used(acme, other)) == (1, 0)


@pytest.mark.spec("LG-74", "LG-72")
def test_nobody_loses_the_place_elsewhere_where_there_is_no_free_licence_here(acme, group, invited, ida, sign_in):
    other = people.license_group(acme, people.person(acme, "Otto Ohm"), name="Scanners")
    old = people.join(acme, other, ida)
    row = invited()
    people_fill(acme, group)
    assert sign_in(ida).post(link(acme, row), {"leave_other": "yes"}).status_code == 422
    assert member(acme, old) == ("active", True, False)


@pytest.mark.spec("LG-E7")
@pytest.mark.parametrize("how", ["suspended", "locked", "deactivated here"])
def test_a_suspended_account_may_be_invited_but_not_accept(acme, group, invited, ida, sign_in, how):
    ida.user.set_password(PASSWORD)
    ida.user.save()
    row, browser = invited(), sign_in(ida)
    if how == "suspended":
        User.objects.filter(pk=ida.user_id).update(is_active=False)
    elif how == "locked":
        User.objects.filter(pk=ida.user_id).update(locked_at=timezone.now())
    else:
        with acme.context():
            Membership.objects.filter(pk=ida.pk).update(is_active=False)
    answer = browser.post(link(acme, row), NEW)
    assert answer.status_code in (403, 422)
    signing = Client().post(acme.url("sign-in/"), {"login": "ida", "password": PASSWORD, "next": link(acme, row)})
    assert signing.status_code == 422
    assert member(acme, row) == ("pending", True, False)
    User.objects.filter(pk=ida.user_id).update(is_active=True, locked_at=None)
    with acme.context():
        Membership.objects.filter(pk=ida.pk).update(is_active=True)
    assert sign_in(ida).post(link(acme, row)).status_code == 303


@pytest.mark.spec("LG-75")
@pytest.mark.parametrize("signed_in", [True, False])
def test_declining_ends_the_invitation_and_is_told(acme, group, invited, ida, sign_in, signed_in):
    row, browser = invited(), sign_in(ida) if signed_in else Client()
    assert browser.get(link(acme, row, "decline/")).status_code == 405
    answer = browser.post(link(acme, row, "decline/"))
    assert "Invitation declined" in answer.text
    assert people.row_of(acme, group, "ida@acme.test") is None
    assert people.fresh(acme, row).end_reason == "declined"
    assert people.verbs(acme, group)[-1] == "license.invitation-declined"
    assert browser.post(link(acme, row)).status_code == 410


# --- links that open nothing ------------------------------------------------------------------------------------------


def neutral(answer):
    return re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]+"', "", answer.text)


@pytest.mark.spec("LG-58", "LG-69", "LG-97")
def test_every_dead_link_answers_in_the_same_words(acme, globex, group, invited, by, sign_in, frank):
    used, revoked, superseded, expired = (invited(f"{name}@acme.test") for name in ("a", "b", "c", "d"))
    gina = people.person(globex, "Gina Gold")
    foreign = invited("x@globex.test", world=globex, of=people.license_group(globex, gina), who=factories.actor(gina))
    with acme.context():
        mine = LicenseGroupMember.objects
        mine.filter(pk=used.pk).update(status="active", user_id=frank.user_id)
        mine.filter(pk=revoked.pk).update(status="ended", ended_at=timezone.now())
        resend(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(superseded), by=by)
        mine.filter(pk=expired.pk).update(expires_at=timezone.now())  # at the very instant it is over
    good = invitation_token(superseded.pk, 2)
    forged = [good[:-1] + ("A" if good[-1] != "A" else "B"), "x", "1:2:3", invitation_token(group.pk, 1), "%00"]
    paths = [link(acme, row) for row in (used, revoked, superseded, expired, foreign)]
    paths += [acme.url(f"invitations/{token}/") for token in forged]
    for browser in (Client(), sign_in(frank)):
        answers = [browser.get(path) for path in paths] + [browser.post(path, NEW) for path in paths]
        answers += [browser.post(f"{path}decline/") for path in paths]
        assert {answer.status_code for answer in answers} == {410}
        assert len({neutral(answer) for answer in answers}) == 1
        assert "This invitation is no longer valid. Ask your administrator for a new one." in answers[0].text
    assert Client().get(acme.url(f"invitations/{good}/")).status_code == 200
    assert not User.objects.filter(email_key__endswith="@acme.test", display_name="Ida Ilg").exists()


def test_a_domain_token_opens_no_invitation(acme, invited):
    row = invited()
    assert Client().get(acme.url(f"invitations/{domain_token(row.pk, row.generation)}/")).status_code == 410


@pytest.mark.spec("LG-28")
def test_an_expired_licence_takes_nobody_in(acme, invited, ida, sign_in):
    olga = people.person(acme, "Olaf Ott")
    past = timezone.now() + datetime.timedelta(hours=1)
    other = people.license_group(acme, olga, name="Late", expires_at=past)
    row = invited(of=other, who=factories.actor(olga))
    with operator_context() as alias:
        LicenseGroup.objects.using(alias).filter(pk=other.pk).update(expires_at=timezone.now())
    answer = sign_in(ida).post(link(acme, row))
    assert answer.status_code == 422
    assert "has expired" in problem(answer)
    assert member(acme, row)[0] == "pending"
