"""manage create_license_group."""

import datetime
import io

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from licensing.models import LicenseGroup
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def create(*arguments, **options):
    out = io.StringIO()
    call_command("create_license_group", *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.mark.spec("LG-01", "LG-18", "LG-19")
def test_the_command_makes_a_group_with_its_owner(acme, anna):
    said = create("acme", "anna@acme.test", seats=50, plan="Standard")
    with acme.context():
        made = LicenseGroup.objects.get()
        event = Event.objects.get(verb="licensegroup.created")
    assert (made.name, made.seats, made.plan, made.billing, made.frequency, made.expires_at) == (
        "acme.test", 50, "Standard", "subscription", "yearly", None,
    )  # fmt: skip
    assert people.row_of(acme, made, "anna@acme.test").is_owner
    assert str(made.pk) in said
    assert "Created acme.test in Acme Industries: 50 licences, owned by anna@acme.test." in said
    assert event.labels["actor"] == "server command"


def test_a_day_of_expiry_ends_with_that_day(acme, anna):
    create("acme", "anna", expires="2031-12-31", billing="term", name="Term")
    create("acme", "anna", expires="2031-12-31T12:00+02:00", name="Timed")
    with acme.context():
        ends = dict(LicenseGroup.objects.values_list("name", "expires_at"))
    assert ends["Term"] == datetime.datetime(2031, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
    assert ends["Timed"] == datetime.datetime(2031, 12, 31, 10, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("nowhere", "anna"), {}, "There is no organisation"),
        (("acme", "nobody@acme.test"), {}, "owner: No active member"),
        (("acme", "anna"), {"seats": -1}, "seats: A group has 0 to 1,000,000 licences."),
        (("acme", "anna"), {"plan": ""}, "plan: A plan has a name"),
        (("acme", "anna"), {"expires": "soon"}, "is no day such as 2027-12-31"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(acme, anna, arguments, options, words):
    with pytest.raises(CommandError, match=words):
        create(*arguments, **options)
    with acme.context():
        assert not LicenseGroup.objects.exists()
