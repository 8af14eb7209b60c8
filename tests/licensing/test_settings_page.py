"""Settings (Admin): id, expiry, name, switches and the mail domain."""

import datetime

import pytest
from django.utils import timezone

from licensing.actions.groups import ask_domain
from licensing.models import GroupDomain, MailState
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PUBLIC = "Anybody can have an address or a domain under acme.test."


@pytest.fixture
def rung(monkeypatch):
    """Tenants whose mails were rung for."""
    tenants = []
    monkeypatch.setattr("licensing.views.settings.ring_mails_on_commit", tenants.append)
    return tenants


@pytest.fixture
def url(acme, group):
    return people.page_url(acme, group, "settings/")


def saved(group, **more):
    """Return what the form posts: a box that is not ticked is not there."""
    fields = {"name": group.name, "auto_assign_users": "on", "auto_assign_devices": "on", "tells_blocked": "on"}
    return {name: value for name, value in (fields | {"version": group.version} | more).items() if value is not None}


def domains(world):
    with world.context():
        return list(GroupDomain.objects.values_list("domain", "mail_state", "asked_of"))


@pytest.mark.spec("LG-158")
def test_the_page_shows_id_and_expiry_to_read(acme, group, anna, url, sign_in):
    browser = sign_in(anna)
    page = browser.get(url).text
    assert f'<code class="copied">{group.pk}</code>' in page
    assert "does not expire" in page
    assert 'name="expires_at"' not in page
    ends = timezone.now() + datetime.timedelta(days=60)
    later = people.license_group(acme, anna, name="Later", expires_at=ends)
    assert f'datetime="{ends.isoformat()}"' in browser.get(people.page_url(acme, later, "settings/")).text


@pytest.mark.spec("LG-140", "LG-159", "LG-163")
def test_name_and_switches_are_shown_and_saved_by_any_admin(acme, group, admin, erin, url, sign_in):
    browser = sign_in(erin)
    page = browser.get(url).text
    assert page.count(" checked") == 3
    answer = browser.post(
        url, saved(group, name="Front panels", auto_assign_users=None, tells_blocked=None), follow=True
    )
    assert answer.redirect_chain == [(url, 303)]
    assert "The settings were saved." in answer.text
    after = people.fresh(acme, group)
    assert (after.name, after.auto_assign_users, after.auto_assign_devices, after.tells_blocked) == (
        "Front panels", False, True, False,
    )  # fmt: skip
    assert people.verbs(acme, group)[-1] == "licensegroup.changed"


def test_what_was_typed_stays_when_it_cannot_be_saved(acme, group, anna, url, sign_in):
    answer = sign_in(anna).post(url, saved(group, name="", auto_assign_users=None))
    assert answer.status_code == 422
    assert answer.text.count(" checked") == 2
    assert people.fresh(acme, group).auto_assign_users


def test_a_stale_page_is_a_conflict(acme, group, anna, url, sign_in):
    browser = sign_in(anna)
    browser.post(url, saved(group, name="First"))
    answer = browser.post(url, saved(group, name="Second"))
    assert answer.status_code == 409
    assert people.fresh(acme, group).name == "First"


@pytest.mark.spec("LG-08")
def test_a_user_changes_nothing(acme, group, user, frank, url, sign_in):
    browser = sign_in(frank)
    assert browser.post(url, saved(group, name="Mine")).status_code == 403
    assert browser.post(f"{url}domain/", {"domain": "acme.test"}).status_code == 403
    assert browser.post(f"{url}domain/remove/", {"confirmed": "yes"}).status_code == 403
    assert people.fresh(acme, group).name == "Printers"


@pytest.mark.spec("LG-160", "LG-161")
def test_the_own_domain_counts_at_once(acme, group, anna, url, rung, sign_in):
    browser = sign_in(anna)
    assert 'value="acme.test"' in browser.get(url).text
    answer = browser.post(f"{url}domain/", {"domain": " @ACME.test ", "address": ""}, follow=True)
    assert "acme.test is validated." in answer.text
    assert domains(acme) == [("acme.test", "", "")]
    assert rung == []


@pytest.mark.spec("LG-160", "LG-161")
def test_another_domain_gets_a_link_and_its_state_is_shown(acme, group, anna, url, rung, sign_in):
    browser = sign_in(anna)
    answer = browser.post(f"{url}domain/", {"domain": "else.test", "address": "Post@else.test"}, follow=True)
    assert "A link goes to Post@else.test." in answer.text
    assert "the mail to Post@else.test is on its way" in answer.text
    assert domains(acme) == [("else.test", "pending", "Post@else.test")]
    assert rung == [acme.pk]
    for state, words in (
        (MailState.SENT, "link sent to Post@else.test, not opened yet"),
        (MailState.FAILED, "the mail to Post@else.test could not be sent"),
        (MailState.SENDING, "the mail to Post@else.test is on its way"),
    ):
        with acme.context():
            GroupDomain.objects.update(mail_state=state)
        assert words in browser.get(url).text
    with acme.context():
        GroupDomain.objects.update(asked_at=timezone.now() - datetime.timedelta(minutes=6))
    page = browser.get(url).text
    assert "it is unknown whether the mail to Post@else.test was sent" in page
    assert "Send the link again" in page
    browser.post(f"{url}domain/", {"domain": "else.test", "address": "Post@else.test"})
    with acme.context():
        again = GroupDomain.objects.get()
    assert (again.mail_state, again.generation) == (MailState.PENDING, 2)
    assert rung == [acme.pk, acme.pk]


@pytest.mark.spec("LG-161")
@pytest.mark.parametrize("validated", [True, False])
def test_a_domain_that_is_public_by_now_counts_no_more_and_another_is_asked_for(
    acme, globex, group, anna, by, charlie, url, rung, sign_in, monkeypatch, validated
):
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
        if not validated:
            GroupDomain.objects.update(validated_at=None, asked_of="post@acme.test")
    browser, theirs = sign_in(anna), people.license_group(globex, charlie)
    assert PUBLIC not in browser.get(url).text
    monkeypatch.setattr("licensing.public_domains._providers", lambda: frozenset({"acme.test"}))
    page = browser.get(url).text
    assert PUBLIC in page
    assert "open to everybody, so it does not count" in page
    for words in ("validated</", 'value="acme.test" ', "Send the link again"):
        assert words not in page.partition('id="domain"')[2]
    assert PUBLIC not in sign_in(charlie).get(people.page_url(globex, theirs, "settings/")).text
    answer = browser.post(f"{url}domain/", {"domain": "acme.test", "address": "post@acme.test"})
    assert answer.status_code == 422
    answer = browser.post(f"{url}domain/", {"domain": "else.test", "address": "post@else.test"}, follow=True)
    assert "A link goes to post@else.test." in answer.text  # nothing is lost by it: no question
    assert PUBLIC not in answer.text


@pytest.mark.spec("LG-76", "LG-161")
def test_nobody_is_admitted_by_a_domain_that_is_public_by_now(acme, group, by, monkeypatch):
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    for name, status in (("Ida Ilg", "active"), ("Kim Kern", "pending")):
        person = people.person(acme, name)
        assert people.invited(acme, group, people.address_of(person, acme), by=by).status == status
        monkeypatch.setattr("licensing.public_domains._providers", lambda: frozenset({"acme.test"}))


def test_a_validated_domain_is_replaced_only_after_a_question(acme, group, anna, url, rung, sign_in):
    browser = sign_in(anna)
    browser.post(f"{url}domain/", {"domain": "acme.test", "address": ""})
    asked = {"domain": "else.test", "address": "post@else.test"}
    answer = browser.post(f"{url}domain/", asked)
    assert "acme.test counts no longer, at once." in answer.text
    assert [domain for domain, *_ in domains(acme)] == ["acme.test"]
    assert browser.post(f"{url}domain/", {"domain": "gmail.com", "address": "a@gmail.com"}).status_code == 422
    assert browser.post(f"{url}domain/", asked | {"confirmed": "yes"}).status_code == 303
    assert domains(acme) == [("else.test", "pending", "post@else.test")]


@pytest.mark.spec("LG-161")
@pytest.mark.parametrize(
    ("domain", "address", "words"),
    [
        ("gmail.com", "anna@gmail.com", "gmail.com is open to everybody."),
        ("mail.gmail.com", "anna@mail.gmail.com", "mail.gmail.com is open to everybody."),
        ("co.uk", "anna@co.uk", "Anybody can have a domain under co.uk."),
        ("github.io", "anna@github.io", "Anybody can have a domain under github.io."),
        ("ANYTHING.ck", "anna@anything.ck", "Anybody can have a domain under anything.ck."),
        ("公司.cn", "anna@xn--55qx5d.cn", "Anybody can have a domain under xn--55qx5d.cn."),
        ("else.test", "", "Enter an address of else.test that can open the link."),
        ("else.test", "post@acme.test", "Enter an address of else.test that can open the link."),
        ("else.test", "post", "is no mail address"),
        ("no domain", "", "is no domain name"),
        ("", "", "This field is required."),
    ],
)
def test_public_domains_foreign_addresses_and_nonsense_are_refused(
    acme, group, anna, url, rung, sign_in, domain, address, words
):
    answer = sign_in(anna).post(f"{url}domain/", {"domain": domain, "address": address})
    assert answer.status_code == 422
    assert words in answer.text
    if address:
        assert f'value="{address}"' in answer.text
    at = "address" if "address" in words else "domain"
    assert f'id="id_{at}_error"' in answer.text
    assert domains(acme) == []
    assert rung == []


@pytest.mark.spec("LG-161")
@pytest.mark.parametrize("domain", ["acme.co.uk", "acme.github.io", "www.ck", "hotmail-desk.de"])
def test_a_domain_right_under_a_public_suffix_can_be_proven(globex, charlie, rung, sign_in, domain):
    other = people.license_group(globex, charlie)
    body = {"domain": domain, "address": f"post@{domain}"}
    answer = sign_in(charlie).post(people.page_url(globex, other, "settings/domain/"), body)
    assert answer.status_code == 303
    assert domains(globex) == [(domain, "pending", f"post@{domain}")]


@pytest.mark.spec("LG-162")
def test_the_domain_of_another_group_is_a_conflict(acme, group, anna, by, url, rung, sign_in):
    other = people.license_group(acme, anna, name="Copiers")
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=other.pk, domain="acme.test", address=None, by=by)
    answer = sign_in(anna).post(f"{url}domain/", {"domain": "acme.test", "address": ""})
    assert answer.status_code == 409
    assert "acme.test belongs to another license group of this organisation." in answer.text
    assert domains(acme) == [("acme.test", "", "")]


def test_the_domain_is_removed_after_a_question(acme, group, anna, by, url, sign_in):
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    browser = sign_in(anna)
    assert "whoever is a member stays" in browser.get(f"{url}domain/remove/").text
    assert domains(acme)
    answer = browser.post(f"{url}domain/remove/", {"confirmed": "yes"})
    assert (answer.status_code, answer["Location"]) == (303, url)
    assert domains(acme) == []


@pytest.mark.spec("LG-164")
def test_nothing_on_the_page_transfers_data_to_another_group(acme, group, anna, url, sign_in):
    page = sign_in(anna).get(url).text
    assert page.count('<form class="') <= page.count("<form")
    assert "ransfer" not in page
