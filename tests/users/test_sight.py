"""Which users a person gets to see by an address or a form: two ids in one address, users who changed hands."""

import datetime
import html
import re
import time
import uuid

import pytest
from django.core import signing
from django.urls import URLPattern, reverse
from django.utils import timezone

from audit.models import Event
from audit.tallies import write_open
from personalization import access, urls
from personalization.models import Backup, ManagedUser
from tests import factories

pytestmark = pytest.mark.django_db

SETTINGS = factories.settings(theme="dark")
MOVED = "This user has moved out of your groups."


@pytest.fixture
def mail(acme):
    return factories.settings_group(acme, "Mail client")


@pytest.fixture
def kept(acme, mail):
    """Return a function: a user of Finance by name, with a profile and a backup of it."""

    def make(name):
        user = factories.managed_user(acme, name)
        profile = factories.profile(acme, user, mail, SETTINGS, version=7)
        return user, profile, factories.backup(acme, profile, factories.settings(theme="light"))

    return make


@pytest.fixture
def desk(bob, sign_in):
    """Bob's browser: Support Desk of Finance."""
    return sign_in(bob)


# --- two ids in one address -------------------------------------------------------------------------------------------

TWO_IDS = sorted(
    pattern.name for pattern in urls.urlpatterns
    if isinstance(pattern, URLPattern) and len(pattern.pattern.converters) > 1
)  # fmt: skip


def test_the_addresses_with_two_ids_are_known():
    assert TWO_IDS == ["backups-delete-unprotected", "profile"]


@pytest.mark.parametrize("name", TWO_IDS)
def test_an_address_that_names_a_user_reaches_only_what_is_that_users(acme, alice, desk, kept, name, sign_in):
    adam, agnes = kept("adam"), kept("agnes")
    own = reverse(f"personalization:{name}", args=[acme.slug, agnes[0].pk, agnes[1].pk])
    crossed = reverse(f"personalization:{name}", args=[acme.slug, adam[0].pk, agnes[1].pk])
    for browser in (desk, sign_in(alice)):
        assert browser.get(own).status_code == 200
        assert browser.get(crossed).status_code == 404
        posted = browser.post(crossed, {"confirmed": "yes", "version": 1, "submission": str(uuid.uuid4())})
        assert posted.status_code in (404, 405)
    with acme.context():
        assert not Backup.objects.exclude(deleted_at=None).exists()


def test_a_timeline_goes_on_only_behind_a_backup_of_its_own(acme, desk, kept):
    adam, agnes = kept("adam"), kept("agnes")
    address = acme.url(f"users/{agnes[0].pk}/settings/{agnes[1].pk}/")
    assert desk.get(address, {"before": str(agnes[2].pk)}).status_code == 200
    assert desk.get(address, {"before": str(adam[2].pk)}).status_code == 404
    assert desk.get(address, {"before": "x"}).status_code == 400


def test_a_profile_of_somebody_else_is_not_backed_up(acme, desk, kept):
    adam, agnes = kept("adam"), kept("agnes")
    data = {"profiles": [agnes[1].pk], "submission": str(uuid.uuid4())}
    assert desk.post(acme.url(f"users/{adam[0].pk}/back-up/"), data).status_code == 422
    with acme.context():
        assert Backup.objects.count() == 2


# --- a form that was opened before the user moved (decision 24) -------------------------------------------------------

FORMS = [
    ("users/{user}/back-up/", "users/{user}/back-up/"),
    ("users/{user}/settings/{profile}/delete-unprotected/", "users/{user}/settings/{profile}/delete-unprotected/"),
    ("backups/{backup}/restore/", "backups/{backup}/restore/"),
    ("backups/{backup}/protect/", "backups/{backup}/protect/"),
    ("backups/{backup}/delete/", "backups/{backup}/delete/"),
    ("backups/{protected}/delete/", "backups/{protected}/unprotect/"),
    ("users/{user}/settings/{profile}/", "backups/{protected}/unprotect/"),
    ("users/{user}/settings/{profile}/", "backups/{deleted}/bring-back/"),
    ("users/{user}/settings/{profile}/", "backups/{undo}/undo/"),
    ("users/{user}/", "backups/{undo}/undo/"),
]
"""The page with a form, and where that form is posted."""


@pytest.fixture
def agnes(acme, kept):
    """The ids of a user with one backup of every sort."""
    user, profile, backup = kept("agnes")
    now = timezone.now()
    more = {
        "protected": factories.backup(acme, profile, SETTINGS, protected_until=now + datetime.timedelta(days=9)),
        "deleted": factories.backup(acme, profile, SETTINGS, deleted_at=now),
        "undo": factories.backup(acme, profile, SETTINGS, origin="before-change", made_version=7),
    }
    return {"user": user.pk, "profile": profile.pk, "backup": backup.pk} | {name: row.pk for name, row in more.items()}


def fields_of(page, action):
    """Return the hidden fields of the form that is posted to `action`."""
    form = next(form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if f'action="{action}"' in form)
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in pairs}


@pytest.mark.parametrize(("page", "address"), FORMS)
def test_a_form_opened_while_the_user_was_in_my_groups_is_told_that_he_has_moved(acme, agnes, desk, page, address):
    page, address = acme.url(page.format(**agnes)), acme.url(address.format(**agnes))
    data = fields_of(desk.get(page).content.decode(), address) | {"confirmed": "yes", "profiles": [agnes["profile"]]}
    data.setdefault("submission", str(uuid.uuid4()))
    with acme.context():
        ManagedUser.objects.filter(pk=agnes["user"]).update(group_id=acme.sales)
    answer = desk.post(address, data)
    assert (answer.status_code, MOVED in answer.content.decode()) == (403, True)
    assert desk.get(page).status_code == 404
    with acme.context():
        write_open(acme.pk)
        assert list(Event.objects.values_list("verb", "labels__reason")) == [("access.refused", "moved-out-of-groups")]


def test_with_htmx_the_sentence_comes_as_a_dialog(acme, agnes, desk):
    address = acme.url("backups/{backup}/restore/".format(**agnes))
    data = fields_of(desk.get(address).content.decode(), address) | {"confirmed": "yes"}
    with acme.context():
        ManagedUser.objects.filter(pk=agnes["user"]).update(group_id=acme.sales)
    answer = desk.post(address, data, headers={"HX-Request": "true", "HX-Target": "dialog"})
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (403, "#dialog")
    assert MOVED in answer.content.decode()
    assert "<html" not in answer.content.decode()


def test_a_proof_counts_for_one_person_one_user_one_tenant_and_twelve_hours(acme, agnes, bob, desk, kept):
    other, _profile, others_backup = kept("adam")
    address = acme.url("backups/{backup}/restore/".format(**agnes))
    data = fields_of(desk.get(address).content.decode(), address) | {"confirmed": "yes"}
    with acme.context():
        ManagedUser.objects.filter(pk__in=[agnes["user"], other.pk]).update(group_id=acme.sales)
    assert desk.post(address, data).status_code == 403
    assert desk.post(acme.url(f"backups/{others_backup.pk}/restore/"), data).status_code == 404
    assert desk.post(address, data | {"seen": ""}).status_code == 404
    assert desk.post(address, data | {"seen": data["seen"][:-1]}).status_code == 404
    for seen in (
        [str(acme.pk), str(uuid.uuid4()), str(agnes["user"])],
        [str(uuid.uuid4()), str(bob.pk), str(agnes["user"])],
    ):
        forged = signing.dumps(seen, salt=access._PROOF_SALT)
        assert desk.post(address, data | {"seen": forged}).status_code == 404


@pytest.mark.parametrize(("minutes", "status"), [(12 * 60 - 1, 403), (12 * 60 + 1, 404)])
def test_a_proof_ends_after_twelve_hours(acme, agnes, bob, desk, minutes, status, monkeypatch):
    then = signing.b62_encode(int(time.time()) - minutes * 60)
    with monkeypatch.context() as patch:
        patch.setattr(signing.TimestampSigner, "timestamp", lambda self: then)
        proof = signing.dumps([str(acme.pk), str(bob.pk), str(agnes["user"])], salt=access._PROOF_SALT)
    with acme.context():
        ManagedUser.objects.filter(pk=agnes["user"]).update(group_id=acme.sales)
    address = acme.url("backups/{backup}/restore/".format(**agnes))
    assert desk.post(address, {"confirmed": "yes", "version": 7, "seen": proof}).status_code == status


# --- the panel of tasks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["", "users/", "users/{user}/", "users/{user}/settings/{profile}/", "audit/", "nowhere/"]
)
def test_no_page_of_the_support_desk_asks_for_the_tasks(acme, agnes, desk, path):
    text = desk.get(acme.url(path.format(**agnes))).content.decode()
    assert "/tasks/" not in text


def test_the_pages_of_an_administrator_ask_for_the_tasks(acme, alice, sign_in):
    assert acme.url("tasks/panel/") in sign_in(alice).get(acme.url("users/")).content.decode()
