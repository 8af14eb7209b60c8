"""Links of invitations that open nothing: all answer in the same words."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from licensing.actions.invitations import resend
from licensing.links import domain_token, invitation_token
from licensing.models import LicenseGroupMember
from tests import factories
from tests.licensing import people
from tests.licensing.acceptance import NEW, link

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


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
