"""The demo's people and settings as such: always the same, all storable, each night a believable edit."""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from launcher.demo_people import ACME, GLOBEX, PEOPLE, demo_sign_ins
from personalization.demo.desks import desks
from personalization.demo.nights import ERP_STORY, EVERYTHING, KEPT, histories, pack, working_nights
from personalization.demo.programs import BROKEN_ERP_SERVER, ERP_SERVER
from personalization.formats import manifest
from personalization.models import Origin

NOW = datetime(2026, 3, 19, 9, 30, tzinfo=UTC)  # a Thursday
NIGHTS = working_nights(NOW, ZoneInfo("Europe/Berlin"))


@pytest.fixture(scope="module")
def acme_histories():
    return [history for desk in desks(ACME) for history in histories(desk, NOW, NIGHTS)]


def test_about_two_hundred_people_begin_with_those_of_the_directory():
    everyone = desks(ACME)
    assert 190 <= len(everyone) <= 210
    assert [desk.account for desk in everyone[: len(PEOPLE["acme"])]] == [person.account for person in PEOPLE["acme"]]
    assert {login for tenant, login, _, _ in demo_sign_ins() if tenant == "acme"} <= {desk.account for desk in everyone}


@pytest.mark.parametrize("organisation", [ACME, GLOBEX])
def test_accounts_and_security_identifiers_are_unique(organisation):
    everyone = desks(organisation)
    for values in ([(desk.domain, desk.account) for desk in everyone], [desk.sid for desk in everyone]):
        assert max(Counter(values).values()) == 1


def test_every_personalization_group_has_people():
    assert set(Counter(desk.group for desk in desks(ACME))) == {"Finance", "Sales", "Engineering", "Default Users"}


def test_the_demo_is_the_same_on_every_machine_and_day(acme_histories):
    once, again = (
        acme_histories[:150],
        [each for desk in desks(ACME)[:40] for each in histories(desk, NOW, NIGHTS)][:150],
    )
    assert pack(again).order == pack(once).order


def test_there_are_a_dozen_settings_groups_of_both_kinds():
    kinds = Counter(program.kind for program in EVERYTHING)
    assert kinds["application"] >= 10
    assert kinds["windows"] >= 4


def test_each_program_is_kept_for_somebody_and_nobody_has_all_of_them(acme_histories):
    users = Counter(history.program.name for history in acme_histories)
    assert set(users) == {program.name for program in EVERYTHING} and min(users.values()) >= 10
    assert max(Counter(history.desk.account for history in acme_histories).values()) < len(EVERYTHING)


def test_five_nightly_backups_differ_each_from_the_one_before_by_a_few_items(acme_histories):
    full = 0
    for history in acme_histories:
        encoded = [manifest.encode(state) for state in history.states]
        for before, after in zip(encoded, encoded[1:], strict=False):
            found = manifest.diff(before, after)
            total = manifest.totals(after).items
            assert found, (history.desk.account, history.program.name)
            assert len(found.changed) <= total
        assert len(history.nights) <= KEPT
        assert history.nights == sorted(history.nights)
        full += len(history.nights) == KEPT
    assert full > 0.9 * len(acme_histories)


def test_backups_are_made_in_the_night_after_a_working_day(acme_histories):
    berlin = ZoneInfo("Europe/Berlin")
    for history in acme_histories:
        for night in history.nights:
            assert night.astimezone(berlin).hour == 1
            assert night.weekday() in (0, 1, 2, 3, 4, 5)
            assert night < NOW


def test_the_erp_client_lost_its_server_last_night(acme_histories):
    hit = [
        each
        for each in acme_histories
        if each.program.name == "ERP client" and _server(each.states[-1]) == BROKEN_ERP_SERVER
    ]
    assert ERP_STORY in {history.desk.account for history in hit}
    assert 2 <= len(hit) <= 15
    for history in hit:
        assert [_server(state) for state in history.states[:-1]] == [ERP_SERVER] * 4
        assert history.nights[-1] == NIGHTS[0]
        assert not history.is_newer


def _server(items):
    value = next(item for item in items if getattr(item, "name", "") == "Server")
    return value.data.decode("utf-16-le").partition(".")[0]


def test_every_kind_of_backup_occurs(acme_histories):
    extra = [columns for history in acme_histories for columns, _items in history.extra]
    assert {columns["origin"] for columns in extra} == {Origin.MANUAL, Origin.BEFORE_CHANGE, Origin.STALE_UPLOAD}
    assert any("protected_until" in columns for columns in extra)
    assert any("deleted_at" in columns for columns in extra)


def test_some_people_have_never_logged_on():
    without = [desk for desk in desks(ACME) if not list(histories(desk, NOW, NIGHTS))]
    assert 1 <= len(without) <= 15
