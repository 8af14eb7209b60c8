"""import_settings and export_settings: what a person can type wrong is answered with a sentence, not a traceback."""

import io
import os
import socket
from pathlib import Path

import pytest
from django.core.management import CommandError

from audit.models import Event
from personalization.actions.managed_users import new_managed_user
from personalization.actions.settings import Imported
from personalization.formats.bundle import Source, SourceKind
from personalization.formats.reg import ANSI_CODE_PAGES
from personalization.management.commands import export_settings, import_settings
from personalization.models import Blob, ManagedUser, PersonalizationGroup
from tests.store.conftest import damage, sz
from tests.store.test_commands import ANNA, current, import_reg, run

pytestmark = pytest.mark.django_db
REGEDIT4 = b'REGEDIT4\n[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="\xe9"\n'


def events():
    return list(Event.objects.filter(verb="settings.exported").values_list("outcome", flat=True))


# --- code pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["nope", "rot13", "hex", "utf-16", "idna", "punycode", "zlib", "undefined", "unicode_escape", "\udc80", ""]
)
def test_what_is_no_code_page_of_windows_is_answered_with_those_there_are(acme, anna, editor, tmp_path, name):
    (tmp_path / "a.reg").write_bytes(REGEDIT4)
    with pytest.raises(CommandError, match=r"There are: .*cp932, .*cp1252, .*latin-1"):
        run("import_settings", "acme", ANNA, tmp_path / "a.reg", group="Text editor", ansi=name)


@pytest.mark.parametrize("name", ANSI_CODE_PAGES)
def test_every_code_page_that_is_named_reads_the_bytes_of_its_windows(acme, anna, editor, tmp_path, name):
    text = {"cp874": "ก", "cp932": "表", "cp936": "中", "cp949": "한", "cp950": "中"}.get(name, "x")
    (tmp_path / "a.reg").write_bytes(REGEDIT4.replace(b"\xe9", text.encode(name)))
    run("import_settings", "acme", ANNA, tmp_path / "a.reg", group="Text editor", ansi=name.upper())
    assert current(acme)[0] == [sz("a", text)]


# --- accounts ---------------------------------------------------------------------------------------------------------


def test_users_with_names_of_any_letters_are_told_apart(acme, editor, tmp_path):
    new = {"group": "Text editor", "create_user": True, "personalization_group": "Sales"}
    (tmp_path / "a.reg").write_bytes(REGEDIT4)
    for last in "ab":
        run("import_settings", "acme", "ACME\\" + "\ufdfa" * 90 + last, tmp_path / "a.reg", **new)
    with acme.context():
        first, second = (len(sid) for sid in ManagedUser.objects.values_list("sid", flat=True))
    assert first == second == 190


def test_the_mark_of_a_short_account_stays_what_it_was(acme):
    with acme.context():
        group = PersonalizationGroup.objects.get(pk=acme.sales)
        made = new_managed_user(tenant_id=acme.pk, domain="FINANCE", name="Anna", group=group)
    assert made.sid == "unknown:finance\\anna"


@pytest.mark.parametrize("command", ["import_settings", "export_settings"])
def test_a_name_that_is_no_text_is_answered_with_a_sentence(acme, anna, editor, tmp_path, command):
    (tmp_path / "a.reg").write_bytes(REGEDIT4)
    for words in ({"user": "FINANCE\\ann\udc80"}, {"group": "Text\udc80"}):
        user, group = words.get("user", ANNA), words.get("group", "Text editor")
        with pytest.raises(CommandError, match="is not valid UTF-8 text"):
            run(command, "acme", user, tmp_path / "a.reg", group=group)


def test_a_file_whose_name_is_no_text_is_imported_all_the_same(acme, anna, editor, tmp_path):
    path = Path(os.fsdecode(bytes(tmp_path) + b"/\x80.reg"))
    path.write_bytes(REGEDIT4)
    run("import_settings", "acme", ANNA, path, group="Text editor")
    with acme.context():
        assert Event.objects.get(verb="settings.imported").labels["source"] == "\\udc80.reg"


def test_what_was_left_out_is_named_in_letters_that_can_be_printed():
    out = io.StringIO()
    left_out = Imported((), (), (sz("half \ud800", "1"),))
    import_settings.Command(stdout=out)._report(left_out, Source(SourceKind.FOLDER, [], ["\x80.pol"]))
    assert "Acme\\half \\ud800" in out.getvalue()
    assert out.getvalue().encode().isascii()


# --- what is no file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link to a pipe"])
def test_what_is_neither_a_file_nor_a_folder_is_refused_without_waiting(
    acme, anna, editor, tmp_path, kind, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    path = tmp_path / "in"
    if kind == "device":
        path = Path("/dev/zero")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("in")
    else:
        os.mkfifo(tmp_path / "pipe")
        path = tmp_path / "pipe"
        if kind == "link to a pipe":
            (tmp_path / "in").symlink_to(path)
            path = tmp_path / "in"
        # Somebody who writes is there, so that a reader gets something in place of waiting.
        holder = os.open(tmp_path / "pipe", os.O_RDWR)
        os.write(holder, REGEDIT4)
    with pytest.raises(CommandError, match=f"“{path.name}”: Links and devices are refused"):
        run("import_settings", "acme", ANNA, path, group="Text editor")
    if "pipe" in kind:
        os.close(holder)


def test_a_link_to_a_file_is_imported(acme, anna, editor, tmp_path):
    (tmp_path / "a.reg").write_bytes(REGEDIT4)
    (tmp_path / "link").symlink_to("a.reg")
    assert "Imported" in run("import_settings", "acme", ANNA, tmp_path / "link", group="Text editor")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xff\xfe"])
def test_an_empty_file_is_refused_at_a_line_that_exists(acme, anna, editor, tmp_path, data):
    (tmp_path / "a.reg").write_bytes(data)
    with pytest.raises(CommandError, match=r"^At line [12]: The file does not begin"):
        run("import_settings", "acme", ANNA, tmp_path / "a.reg", group="Text editor")


# --- exports ----------------------------------------------------------------------------------------------------------


def test_an_export_that_failed_leaves_no_event_of_one(acme, anna, editor, tmp_path):
    import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"')
    for name in ("nowhere/out", "nowhere/out.zip", "change.reg"):
        with pytest.raises(CommandError):
            run("export_settings", "acme", ANNA, tmp_path / name)
    with acme.context():
        assert events() == []
    for name in ("out", "out.zip"):
        run("export_settings", "acme", ANNA, tmp_path / name)
    with acme.context():
        assert events() == ["ok", "ok"]


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_an_export_that_no_event_tells_of_is_taken_away(acme, anna, editor, tmp_path, monkeypatch, name):
    import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"')

    def fail(*words, **labels):
        raise OSError("no event")

    monkeypatch.setattr(export_settings, "record", fail)
    with pytest.raises(OSError, match="no event"):
        run("export_settings", "acme", ANNA, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["change.reg"]


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_a_failed_export_names_the_place_that_was_given(acme, anna, editor, tmp_path, name):
    import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"')
    place = tmp_path / "nowhere" / name
    with pytest.raises(CommandError) as refused:
        run("export_settings", "acme", ANNA, place)
    assert str(refused.value) == f"{place}: No such file or directory."


@pytest.mark.django_db(transaction=True)
def test_an_export_of_damaged_contents_says_which(acme, anna, editor, tmp_path):
    (tmp_path / "in" / "Documents").mkdir(parents=True)
    (tmp_path / "in" / "Documents" / "a").write_bytes(b"contents")
    run("import_settings", "acme", ANNA, tmp_path / "in", group="Text editor")
    damage(Blob, stored=b"broken")
    with pytest.raises(CommandError, match="stored blob [0-9a-f]{64} is damaged"):
        run("export_settings", "acme", ANNA, tmp_path / "out")
    with acme.context():
        assert events() == []
    assert not (tmp_path / "out").exists()
