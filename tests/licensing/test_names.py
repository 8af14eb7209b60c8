"""No license group and nobody who registers gets a name with something invisible in it, by a form or by an action."""

import uuid
from types import SimpleNamespace

import pytest
from django.test import Client

from accounts.actions import register_local
from accounts.models import User
from config.errors import Refused
from licensing.actions.groups import change_settings
from licensing.links import invitation_token
from licensing.models import LicenseGroup
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
TURNED = "Finance \u202egnp.exe"
TOLD = "Character 9 (U+202E) cannot be seen."


def names(world):
    with world.context():
        return set(LicenseGroup.objects.values_list("name", flat=True))


@pytest.mark.spec("LG-159")
def test_a_group_does_not_get_such_a_name_on_its_settings_page(acme, globex, group, desk, charlie, sign_in):
    body = {"name": TURNED, "version": group.version, "auto_assign_users": "on"}
    answer = desk.post(people.page_url(acme, group, "settings/"), body)
    assert answer.status_code == 422
    assert TOLD in answer.text
    assert TURNED in answer.text
    assert names(acme) == {"Printers"}
    other = people.license_group(globex, charlie, name="Copiers")
    body = {"name": "می\u200cخواهم", "version": other.version}
    assert sign_in(charlie).post(people.page_url(globex, other, "settings/"), body).status_code == 303
    assert names(globex) == {"می\u200cخواهم"}


def test_the_operator_gives_no_group_such_a_name(acme, anna, olga, sign_in):
    operator = sign_in(SimpleNamespace(user=olga, user_id=olga.pk, tenant_id=uuid.uuid4()))
    body = {"plan": "Plus", "seats": "25", "billing": "term", "frequency": "monthly", "expires_at": ""}
    body |= {"owner": "anna@acme.test", "name": TURNED, "submission": str(uuid.uuid4())}
    answer = operator.post("/operator/acme/add/", body)
    assert (answer.status_code, names(acme)) == (422, set())
    assert TOLD in answer.text


@pytest.mark.spec("LG-70")
@pytest.mark.parametrize("field", ["first_name", "last_name"])
def test_nobody_registers_with_such_a_name(acme, group, by, field):
    row = people.invited(acme, group, "ida@acme.test", by=by)
    path = acme.url(f"invitations/{invitation_token(row.pk, 1)}/")
    body = {"first_name": "Ida", "last_name": "Ilg"} | dict.fromkeys(
        ("password", "password_again"), "correct horse battery"
    )
    browser = Client()
    answer = browser.post(path, body | {field: TURNED})
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.text
    assert TOLD in answer.text
    assert not User.objects.filter(email_key="ida@acme.test").exists()
    assert people.fresh(acme, row).status == "pending"
    assert browser.post(path, body).status_code in (302, 303)
    assert User.objects.get(email_key="ida@acme.test").display_name == "Ida Ilg"


def test_the_actions_refuse_what_the_forms_refuse(acme, globex, group, by, charlie):
    where = {"tenant_id": acme.pk, "group_id": group.pk, "version": group.version, "by": by}
    switches = dict.fromkeys(("auto_assign_users", "auto_assign_devices", "tells_blocked"), True)
    account = {"address": "x@acme.test", "key": "x@acme.test", "password": "correct horse battery"}
    for call in (
        lambda: change_settings(name=TURNED, **switches, **where),
        lambda: change_settings(name="two\nlines", **switches, **where),
        lambda: register_local(tenant_id=acme.pk, name=TURNED, by=by, **account),
        lambda: people.license_group(globex, charlie, name=TURNED),
    ):
        with pytest.raises(Refused) as refused, acme.context():
            call()
        assert (refused.value.field, refused.value.code) == ("name", "name-invisible")
    assert names(acme) | names(globex) == {"Printers"}
    assert not User.objects.filter(email_key="x@acme.test").exists()


def test_a_name_that_a_directory_gave_does_not_keep_anybody_from_accepting(acme, group, by, sign_in):
    ida = people.person(acme, "Ida \u200eIlg")
    row = people.invited(acme, group, "ida@acme.test", by=by)
    answer = sign_in(ida).post(acme.url(f"invitations/{invitation_token(row.pk, 1)}/"), {"accept": "yes"})
    assert answer.status_code == 303
    assert people.fresh(acme, row).status == "active"
