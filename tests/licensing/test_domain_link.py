"""The page behind the link that proves a group's mail domain, through HTTP."""

import datetime
import re

import pytest
from django.test import Client
from django.utils import timezone

from licensing.actions.groups import ask_domain, drop_domain
from licensing.links import domain_token, invitation_token
from licensing.models import GroupDomain
from tests import factories
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def asked(world, group, domain="partner.test", *, by):
    with world.context():
        address = (f"boss@{domain}", f"boss@{domain}")
        return ask_domain(tenant_id=world.pk, group_id=group.pk, domain=domain, address=address, by=by)


def link(world, row):
    return world.url(f"domains/{domain_token(row.pk, row.generation)}/")


def validated(world, row):
    return people.fresh(world, row).validated_at is not None


@pytest.mark.spec("LG-161")
def test_looking_confirms_nothing_and_posting_does(acme, group, by):
    row, browser = asked(acme, group, by=by), Client()
    page = browser.get(link(acme, row))
    for words in ("partner.test", "Printers", "Acme Industries"):
        assert words in page.text
    assert not validated(acme, row)
    answer = browser.post(link(acme, row))
    assert "partner.test is confirmed" in answer.text
    assert validated(acme, row)
    assert people.verbs(acme, group)[-1] == "licensegroup.domain-validated"
    assert browser.post(link(acme, row)).status_code == 410


@pytest.mark.spec("LG-162")
def test_a_domain_that_another_group_has_proved_meanwhile_is_told(acme, group, by):
    otto = people.person(acme, "Otto Ohm")
    other = people.license_group(acme, otto, name="Scanners")
    mine, theirs = asked(acme, group, by=by), asked(acme, other, by=factories.actor(otto))
    assert Client().post(link(acme, theirs)).status_code == 200
    answer = Client().post(link(acme, mine))
    assert answer.status_code == 409
    assert "belongs to another license group" in answer.text
    assert not validated(acme, mine)


def test_every_dead_link_answers_in_the_same_words(acme, globex, group, by):
    old = asked(acme, group, by=by)
    new = asked(acme, group, "other.test", by=by)
    gina = people.person(globex, "Gina Gold")
    foreign = asked(globex, people.license_group(globex, gina), by=factories.actor(gina))
    paths = [link(acme, old), link(acme, foreign), acme.url("domains/x/")]
    paths.append(acme.url(f"domains/{invitation_token(new.pk, new.generation)}/"))
    with acme.context():
        GroupDomain.objects.filter(pk=new.pk).update(asked_at=timezone.now() - datetime.timedelta(days=7))
    paths.append(link(acme, new))
    answers = [getattr(Client(), method)(path) for path in paths for method in ("get", "post")]
    with acme.context():
        drop_domain(tenant_id=acme.pk, group_id=group.pk, by=by)
    answers.append(Client().post(link(acme, new)))
    assert {answer.status_code for answer in answers} == {410}
    texts = {re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]+"', "", answer.text) for answer in answers}
    assert len(texts) == 1
