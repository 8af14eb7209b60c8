"""A creating form sent twice does it once."""

import json
import threading
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.urls import include, path

from accounts.models import Submission, UserGroup
from accounts.submissions import OnceForm, hidden, once
from config.policy import console_view
from config.ui.responses import done
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
GATE = threading.Event()


class MakeForm(OnceForm):
    pass


@console_view("account.own", methods=("GET", "POST"))
@once
def make(request):
    """Create a group of the posted name; a blank name is asked again, "burst" fails."""
    name = request.POST.get("name", "")
    if request.method == "GET":
        return HttpResponse(str(MakeForm()))
    if not name:
        return HttpResponse(str(MakeForm(request.POST)), status=422)
    UserGroup.objects.create(tenant=request.tenant, name=name, source="local")
    if name == "burst":
        raise RuntimeError("burst")
    if name == "slow":
        GATE.wait(5)
    return done(request, request.path, message=f"{name} is made.", changed="groups")


urlpatterns = [
    path("t/<slug:tenant>/make/", make),
    path("t/<slug:tenant>/make/again/", make),
    path("", include("config.urls")),
]


def _names(world):
    with world.context():
        return sorted(UserGroup.objects.filter(tenant=world.tenant).values_list("name", flat=True))


def _post(browser, world, name, key, **more):
    return browser.post(world.url("make/"), {"name": name, "submission": key, **more})


@pytest.fixture
def key():
    return str(uuid.uuid4())


@pytest.fixture
def dave(acme):
    return factories.member(acme, "Dave Dorn", "dave")


def test_the_second_post_gets_the_first_answer_and_does_nothing(acme, alice, sign_in, key):
    browser = sign_in(alice)
    first, second = (_post(browser, acme, "Night shift", key) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first["Location"] == second["Location"] == acme.url("make/")
    assert _names(acme) == ["Night shift"]


def test_the_repeated_answer_brings_its_message_again(acme, alice, sign_in, key):
    browser = sign_in(alice)
    _post(browser, acme, "Night shift", key)
    browser.get(acme.url("make/"))
    _post(browser, acme, "Night shift", key)
    stored = json.loads(browser.session["_messages"])
    assert [message[3] for message in stored] == ["Night shift is made."] * 2


def test_an_htmx_answer_is_repeated_with_its_triggers(acme, alice, sign_in, key):
    browser = sign_in(alice)
    body = {"name": "Night shift", "submission": key}
    first, second = (browser.post(acme.url("make/"), body, headers={"HX-Request": "true"}) for _ in range(2))
    assert first.status_code == second.status_code == 204
    assert second["HX-Trigger"] == first["HX-Trigger"]
    assert "groups-changed" in second["HX-Trigger"]
    assert _names(acme) == ["Night shift"]


def test_the_same_id_with_another_body_is_refused_and_nothing_is_made(acme, alice, sign_in, key):
    browser = sign_in(alice)
    _post(browser, acme, "Night shift", key)
    answer = _post(browser, acme, "Day shift", key)
    assert answer.status_code == 422
    assert "sent before with other content" in answer.content.decode()
    assert _names(acme) == ["Night shift"]


def test_the_same_id_at_another_address_is_refused(acme, alice, sign_in, key):
    browser = sign_in(alice)
    _post(browser, acme, "Night shift", key)
    elsewhere = browser.post(acme.url("make/again/"), {"name": "Night shift", "submission": key})
    assert elsewhere.status_code == 422


def test_the_same_id_with_another_file_is_refused(acme, alice, sign_in, key):
    browser = sign_in(alice)
    _post(browser, acme, "Night shift", key, file=SimpleUploadedFile("a.reg", b"one"))
    again = _post(browser, acme, "Night shift", key, file=SimpleUploadedFile("a.reg", b"one"))
    other = _post(browser, acme, "Night shift", key, file=SimpleUploadedFile("a.reg", b"two"))
    assert (again.status_code, other.status_code) == (303, 422)


def test_an_id_belongs_to_one_person(acme, alice, dave, sign_in, key):
    _post(sign_in(alice), acme, "Night shift", key)
    assert _post(sign_in(dave), acme, "Day shift", key).status_code == 303
    assert _names(acme) == ["Day shift", "Night shift"]


def test_an_id_belongs_to_one_tenant(acme, globex, alice, charlie, sign_in, key):
    _post(sign_in(alice), acme, "Night shift", key)
    assert _post(sign_in(charlie), globex, "Night shift", key).status_code == 303
    assert _names(acme) == _names(globex) == ["Night shift"]


def test_input_that_is_corrected_keeps_its_id(acme, alice, sign_in, key):
    browser = sign_in(alice)
    asked_again = _post(browser, acme, "", key)
    assert asked_again.status_code == 422
    assert key in asked_again.content.decode()
    assert _post(browser, acme, "Night shift", key).status_code == 303


def test_an_error_leaves_the_id_unspent_and_nothing_made(acme, alice, sign_in, key):
    browser = sign_in(alice)
    browser.raise_request_exception = False
    assert _post(browser, acme, "burst", key).status_code == 500
    assert _names(acme) == []
    with acme.context():
        assert not Submission.objects.filter(tenant=acme.tenant).exists()


@pytest.mark.parametrize("bad", ["", "not-a-uuid", None])
def test_a_post_without_an_id_is_refused(acme, alice, sign_in, bad):
    body = {"name": "Night shift"} | ({} if bad is None else {"submission": bad})
    assert sign_in(alice).post(acme.url("make/"), body).status_code == 400
    assert _names(acme) == []


def test_every_form_gets_its_own_id(acme, alice, sign_in, rf):
    browser = sign_in(alice)
    first, second = (browser.get(acme.url("make/")).content for _ in range(2))
    assert b'name="submission"' in first
    assert first != second
    assert hidden(rf.post("/", {"submission": "x"}))[0] == "submission"
    posted = str(uuid.uuid4())
    assert hidden(rf.post("/", {"submission": posted})) == ("submission", posted)


@pytest.mark.django_db(transaction=True)
def test_two_posts_at_once_make_one(acme, alice, sign_in, key):
    GATE.clear()
    answers = []

    def send():
        try:
            answers.append(_post(sign_in(alice), acme, "slow", key))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    threading.Timer(0.5, GATE.set).start()
    for thread in threads:
        thread.join(20)
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert _names(acme) == ["slow"]
