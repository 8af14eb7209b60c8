"""Selections: what was ticked or what matches, never more than the person may see, never another number than shown."""

import re

import pytest

from tests.ui.gallery import Thing

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("site")]
URL = "/things/delete/"


def hidden_fields(response):
    forms = re.findall(r"<form.*?</form>", response.content.decode(), re.S)
    (form,) = [form for form in forms if 'name="confirmed"' in form]
    fields = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value.replace("&amp;", "&"))
    return fields


def test_ticked_rows_are_asked_for_and_then_deleted(make_things, client):
    things = make_things(5)
    ticked = [str(thing.pk) for thing in things[:2]]
    question = client.post(URL, {"pk": ticked})
    assert question.status_code == 200
    assert "Delete 2 users?" in question.content.decode()
    assert Thing.objects.count() == 5
    answer = client.post(URL, hidden_fields(question))
    assert (answer.status_code, answer["Location"]) == (303, "/things/")
    assert {thing.pk for thing in Thing.objects.all()} == {thing.pk for thing in things[2:]}


def test_all_matching_runs_the_filter_again_on_the_server(make_things, client):
    make_things(20)
    question = client.post(URL, {"all": "1", "query": "state=late"})
    assert "Delete 3 users?" in question.content.decode()
    assert client.post(URL, hidden_fields(question)).status_code == 303
    assert Thing.objects.filter(state="late").count() == 0
    assert Thing.objects.count() == 17


def test_another_number_than_the_confirmed_one_stops_everything(make_things, client):
    make_things(20)
    fields = hidden_fields(client.post(URL, {"all": "1", "query": "state=late"}))
    Thing.objects.create(login="new", state="late")
    refused = client.post(URL, fields)
    assert refused.status_code == 409
    assert "The selection has changed" in refused.content.decode()
    assert Thing.objects.count() == 21


def test_a_ticked_row_that_is_gone_stops_everything(make_things, client):
    things = make_things(3)
    Thing.objects.filter(pk=things[0].pk).delete()
    assert client.post(URL, {"pk": [str(thing.pk) for thing in things]}).status_code == 409
    assert Thing.objects.count() == 2


def test_rows_that_the_person_may_not_see_cannot_be_selected(make_things, client):
    (secret,) = make_things([{"login": "hidden one"}])
    assert client.post(URL, {"pk": str(secret.pk)}).status_code == 409
    for empty in ({"all": "1", "query": ""}, {}, {"confirmed": "yes"}):
        answer = client.post(URL, empty)
        assert answer.status_code == 422
        assert "Select at least one row." in answer.content.decode()


def test_a_large_selection_wants_its_number_typed(make_things, client):
    make_things(20)
    question = client.post(URL, {"all": "1", "query": ""})
    fields = hidden_fields(question)
    wrong = client.post(URL, fields | {"typed": "19"})
    assert wrong.status_code == 422
    assert "Type 20 to go on." in wrong.content.decode()
    assert 'value="19"' in wrong.content.decode()
    assert Thing.objects.count() == 20
    assert client.post(URL, hidden_fields(wrong) | {"typed": " 20 "}).status_code == 303
    assert Thing.objects.count() == 0


@pytest.mark.parametrize(
    "posted",
    [
        {"pk": "no-uuid"},
        {"pk": ["1", "2"]},
        {"all": "1", "query": "rank=x"},
        {"all": "1", "query": "", "expected": "many"},
        {"pk": [f"01890000-0000-7000-8000-{number:012}" for number in range(1001)]},
    ],
)
def test_posts_that_no_form_makes_are_refused(make_things, client, posted):
    make_things(1)
    assert client.post(URL, posted).status_code == 400
    assert Thing.objects.count() == 1
