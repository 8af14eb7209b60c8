"""No panel gets a name with something invisible in it: typed, copied or out of a file."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from config.errors import Refused
from personalization.actions import persona
from tests import factories
from tests.persona import panels

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
HIDDEN = "Off\u200bice"
TOLD = "Character 4 (U+200B) cannot be seen."


def test_no_form_gives_a_panel_such_a_name(franks, panel, frank):
    posts = [
        ("/persona/add/", {"name": HIDDEN, "start": "blank"} | panels.submission()),
        (f"/persona/{panel.pk}/rename/", {"name": HIDDEN, "version": 1}),
    ]
    for path, body in posts:
        answer = franks.post(path, body)
        assert answer.status_code == 422
        assert TOLD in answer.text
    assert [name for name, _layout, _active in panels.stored(frank.user).values()] == ["Office"]


def test_a_file_does_not_bring_such_a_name(franks, panel, frank):
    document = {**panels.layout(panels.tile()), "name": HIDDEN}
    upload = SimpleUploadedFile("panel.json", json.dumps(document).encode(), "application/json")
    answer = franks.post("/persona/import/", {"file": upload, "name": ""} | panels.submission())
    assert answer.status_code == 422
    assert TOLD in answer.text
    upload.seek(0)
    answer = franks.post("/persona/import/", {"file": upload, "name": "Typed"} | panels.submission())
    assert answer.status_code == 303
    assert {name for name, _layout, _active in panels.stored(frank.user).values()} == {"Office", "Typed"}


def test_the_actions_refuse_it_too(acme, frank, place, panel):
    owner = persona.Owner(frank.user_id, acme.pk, place.pk)
    with acme.context(), pytest.raises(Refused) as refused:
        persona.rename_panel(owner=owner, panel=panel, name=HIDDEN, version=1, by=factories.actor(frank))
    assert (refused.value.field, refused.value.code) == ("name", "name-invisible")
