"""import_settings and export_settings: what came in goes out, and what is refused leaves nothing."""

import io
import os
import re
import tracemalloc
import zipfile

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from personalization import store
from personalization.actions import settings as action
from personalization.formats.bundle import open_source, write_folder, write_zip
from personalization.formats.items import RegistryKey
from personalization.formats.reg import write_reg
from personalization.models import (
    Backup,
    Blob,
    ManagedUser,
    NightlyRun,
    Origin,
    SettingsProfile,
    Snapshot,
)
from tests import factories
from tests.formats.hives import HiveBuilder, Key
from tests.store import whole_profile
from tests.store.conftest import sz

pytestmark = pytest.mark.django_db
ANNA = "FINANCE\\anna"


def run(command, *words, **options):
    out = io.StringIO()
    call_command(command, *map(str, words), stdout=out, **options)
    return out.getvalue()


def read(path):
    """The items of an exported folder or archive, with the contents of its files."""
    with open_source(path) as source:
        return [(item, item.source.open().read() if hasattr(item, "source") else None) for item in source.items()]


def expected(items):
    return [(item, item.source.open().read() if hasattr(item, "source") else None) for item in items]


def as_folder(items, path):
    write_folder(items, path)


def as_archive(items, path):
    with path.open("wb") as file:
        write_zip(items, file)


def as_reg(items, path, **options):
    with path.open("wb") as file:
        write_reg(items, file, **options)


def as_reg_in_utf_8(items, path):
    # UTF-8 has no lone surrogates.
    as_reg([item for item in items if "\ud800" not in getattr(item, "name", "")], path, encoding="utf-8")


def as_hive(items, path):
    root = Key("root")
    keys = {"HKCU": root}

    def key(name):
        if name not in keys:
            parent, _, last = name.rpartition("\\")
            keys[name] = Key(last)
            key(parent).keys.append(keys[name])
        return keys[name]

    for item in items:
        if isinstance(item, RegistryKey):
            key(item.path)
        else:
            key(item.path).values.append((item.name, int(item.type), item.data))
    for each in keys.values():
        each.keys.sort(key=lambda child: child.name.upper())
    HiveBuilder(root).write(path)


@pytest.fixture(scope="module")
def whole():
    return whole_profile.everything()


@pytest.fixture(scope="module")
def registry():
    return whole_profile.registry()


@pytest.mark.parametrize(("write", "form"), [(as_folder, "zip"), (as_archive, "folder")])
def test_a_whole_profile_goes_in_and_comes_out_item_for_item(acme, anna, editor, whole, tmp_path, write, form):
    write(whole, tmp_path / "in")
    run("import_settings", "acme", ANNA, tmp_path / "in", group="Text editor")
    out = tmp_path / ("out.zip" if form == "zip" else "out")
    assert "16" in run("export_settings", "acme", ANNA, out)
    assert read(out) == expected(whole)
    with acme.context():
        assert store.verify(tenant_id=acme.pk).damaged == ()


@pytest.mark.parametrize("write", [as_reg, as_reg_in_utf_8, as_hive])
def test_a_whole_registry_goes_in_and_comes_out_value_for_value(acme, anna, editor, registry, tmp_path, write):
    if write is not as_reg:
        registry = [item for item in registry if "\\Many\\" not in item.path]
    if write is as_hive:  # a hive is written from names that regedit itself could have made
        registry = [item for item in registry if len(getattr(item, "name", "")) < 200]
    elif write is as_reg_in_utf_8:
        registry = [item for item in registry if "\ud800" not in getattr(item, "name", "")]
    write(registry, tmp_path / "in")
    run("import_settings", "acme", ANNA, tmp_path / "in", group="Text editor")
    run("export_settings", "acme", ANNA, tmp_path / "out")
    assert read(tmp_path / "out") == expected(registry)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["NTUSER_modified.DAT", "NTUSER_with_winscp.DAT"])
def test_a_real_hive_goes_in_and_comes_out_value_for_value(acme, anna, editor, real_hive, tmp_path, name):
    dirty = {"allow_dirty": name == "NTUSER_with_winscp.DAT"}
    with open_source(real_hive(name), **dirty) as source:
        inside = source.items()
    run("import_settings", "acme", ANNA, real_hive(name), group="Text editor", **dirty)
    run("export_settings", "acme", ANNA, tmp_path / "out.zip")
    assert read(tmp_path / "out.zip") == expected(inside)
    assert len(inside) > 1000


@pytest.mark.realdata
def test_a_real_dirty_hive_without_its_logs_is_taken_only_when_told_so(acme, anna, editor, real_hive):
    path = real_hive("transactions_NTUSER.DAT")
    with pytest.raises(CommandError, match="LOG1"):
        run("import_settings", "acme", ANNA, path, group="Text editor")
    run("import_settings", "acme", ANNA, path, group="Text editor", allow_dirty=True)
    with acme.context():
        assert SettingsProfile.objects.get().snapshot.value_count > 1000


# --- what an import does to what is there -----------------------------------------------------------------------------


def import_reg(acme, tmp_path, text, **options):
    path = tmp_path / "change.reg"
    path.write_text(f"Windows Registry Editor Version 5.00\n\n{text}\n", encoding="utf-8")
    return run("import_settings", "acme", ANNA, path, **(options or {"group": "Text editor"}))


def current(world, group="Text editor"):
    with world.context():
        profile = SettingsProfile.objects.select_related("snapshot").get(settings_group__name=group)
        return list(store.read_items(profile.snapshot)), profile.version


def test_a_reg_file_changes_what_is_there_as_it_does_in_windows(acme, anna, editor, tmp_path):
    import_reg(
        acme,
        tmp_path,
        '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"\n"b"="2"\n[HKEY_CURRENT_USER\\Software\\X]\n"c"="3"',
    )
    import_reg(acme, tmp_path, '[-HKEY_CURRENT_USER\\Software\\X]\n[HKEY_CURRENT_USER\\Software\\Acme]\n"a"=-\n"d"="4"')
    assert current(acme) == ([sz("b", "2"), sz("d", "4")], 2)


def test_a_folder_replaces_what_its_group_held_and_leaves_a_backup_that_undoes_it(acme, anna, editor, tmp_path):
    import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"')
    as_folder([sz("b", "2")], tmp_path / "in")
    run("import_settings", "acme", ANNA, tmp_path / "in", group="Text editor")
    assert current(acme) == ([sz("b", "2")], 2)
    with acme.context():
        first, second = Backup.objects.select_related("snapshot").order_by("created_at")
        assert (first.origin, first.made_version, list(store.read_items(first.snapshot))) == (
            Origin.BEFORE_CHANGE,
            1,
            [],
        )
        assert (second.made_version, list(store.read_items(second.snapshot))) == (2, [sz("a", "1")])


def test_the_same_import_again_changes_nothing(acme, anna, editor, tmp_path):
    for word in ("Imported", "Nothing to change"):
        assert word in import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"')
    as_folder([sz("a", "1")], tmp_path / "in")
    assert "Unchanged: Text editor" in run("import_settings", "acme", ANNA, tmp_path / "in", group="Text editor")
    with acme.context():
        assert SettingsProfile.objects.get().version == 1
        assert Event.objects.filter(verb="settings.imported").count() == 1


def test_one_event_tells_user_source_and_groups(acme, anna, editor, tmp_path):
    import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"')
    with acme.context():
        event = Event.objects.get(verb="settings.imported")
        assert (event.subject_id, event.group_id) == (anna.pk, acme.finance)
        labels = {"user": ANNA, "source": "change.reg", "groups": ["Text editor"]}
        assert labels.items() <= event.labels.items()


def test_a_merge_starts_again_when_the_settings_changed_meanwhile(acme, anna, editor, tmp_path, monkeypatch):
    import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"')
    plan, tries = action._plan, []

    def and_somebody_saves(*words, **options):
        tries.append(1)
        if len(tries) == 1:
            with acme.context():
                snapshot = store.put_snapshot(tenant_id=acme.pk, items=[sz("a", "saved meanwhile"), sz("z", "9")])
                SettingsProfile.objects.update(snapshot=snapshot, version=2)
        return plan(*words, **options)

    monkeypatch.setattr(action, "_plan", and_somebody_saves)
    import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"b"="2"')
    assert current(acme) == ([sz("a", "saved meanwhile"), sz("b", "2"), sz("z", "9")], 3)


def test_a_new_user_is_made_with_the_settings(acme, editor, tmp_path):
    new = {"group": "Text editor", "create_user": True, "personalization_group": "Sales"}
    import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"', **new)
    with acme.context():
        user = ManagedUser.objects.get()
        assert (user.domain, user.name, user.group_id) == ("FINANCE", "anna", acme.sales)
        assert set(Event.objects.values_list("verb", flat=True)) == {"manageduser.created", "settings.imported"}


# --- what is refused --------------------------------------------------------------------------------------------------


def nothing_is_stored(world):
    with world.context():
        found = [
            model for model in (SettingsProfile, Snapshot, Blob, Backup, Event, NightlyRun) if model.objects.exists()
        ]
        return found == []


def archive(path, *entries):
    with zipfile.ZipFile(path, "w") as file:
        for name, data in entries:
            file.writestr(name, data)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        (
            "a.reg",
            lambda p: p.write_text("Windows Registry Editor Version 5.00\n[HKEY_LOCAL_MACHINE\\X]\n"),
            r"line 2.*LOCAL",
        ),
        (
            "b.reg",
            lambda p: p.write_text('Windows Registry Editor Version 5.00\n[HKEY_CURRENT_USER\\X]\n"a"=12'),
            "line 3",
        ),
        ("c.zip", lambda p: archive(p, ("AppData/Roaming/ok", b"x"), ("../../evil", b"x")), "evil"),
        ("d.zip", lambda p: archive(p, ("AppData/Roaming/bomb", bytes(40 << 20))), "bomb.*larger"),
        ("NTUSER.DAT", lambda p: p.write_bytes(b"regf" + bytes(100)), "byte|hive"),
        ("e", lambda p: (p.mkdir(), (p / "AppData").symlink_to("/etc")), "Links"),
        ("nowhere", lambda p: None, "No such file"),
        ("f", lambda p: p.mkdir(), "nothing in it"),
    ],
)
def test_bad_input_is_refused_with_reason_and_place_and_nothing_stays(acme, anna, editor, tmp_path, name, make, reason):
    make(tmp_path / name)
    with pytest.raises(CommandError) as refusal:
        run("import_settings", "acme", ANNA, tmp_path / name, group="Text editor")
    assert re.search(reason, str(refusal.value), re.DOTALL), str(refusal.value)
    assert refusal.value.returncode == 1
    assert nothing_is_stored(acme)


def test_a_refused_import_makes_no_user(acme, editor, tmp_path):
    (tmp_path / "empty").mkdir()
    new = {"group": "Text editor", "create_user": True, "personalization_group": "Sales"}
    with pytest.raises(CommandError):
        run("import_settings", "acme", ANNA, tmp_path / "empty", **new)
    with acme.context():
        assert not ManagedUser.objects.exists()


@pytest.mark.parametrize(
    ("words", "options", "reason"),
    [
        (["nowhere", ANNA, "x"], {"group": "Text editor"}, "no organisation"),
        (["acme", "FINANCE\\bob", "x"], {"group": "Text editor"}, "--create-user"),
        (["acme", "bob", "x"], {"group": "Text editor"}, "DOMAIN"),
        (["acme", ANNA, "x"], {"group": "Nothing"}, "There are: Text editor"),
        (["acme", ANNA, "x"], {"group": "Text editor", "create_user": True}, "--personalization-group"),
    ],
)
def test_a_wrong_word_is_answered_with_what_to_do(acme, anna, editor, words, options, reason):
    with pytest.raises(CommandError, match=reason):
        run("import_settings", *words, **options)


def test_users_of_other_tenants_are_not_found(acme, globex, anna, editor, tmp_path):
    factories.settings_group(globex, "Text editor")
    (tmp_path / "in").mkdir()
    with pytest.raises(CommandError, match="globex has no managed user"):
        run("import_settings", "globex", ANNA, tmp_path / "in", group="Text editor")


def test_memory_is_bounded_by_the_largest_file_not_by_the_archive(acme, anna, editor, tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as file:
        for number in range(6):
            file.writestr(f"AppData/Roaming/{number}.bin", os.urandom(4 << 20))
    tracemalloc.start()
    try:
        run("import_settings", "acme", ANNA, tmp_path / "in.zip", group="Text editor")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20, f"{peak >> 20} MB for an archive of 24 MB"


def test_an_export_never_overwrites(acme, anna, editor, tmp_path):
    import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"')
    for name in ("out", "out.zip"):
        run("export_settings", "acme", ANNA, tmp_path / name)
        with pytest.raises(CommandError):
            run("export_settings", "acme", ANNA, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["change.reg", "out", "out.zip"]


def test_an_export_of_nothing_says_so(acme, anna, editor, tmp_path):
    with pytest.raises(CommandError, match="no settings of Text editor"):
        run("export_settings", "acme", ANNA, tmp_path / "out", group="Text editor")


def test_one_setting_in_two_groups_is_exported_group_by_group(acme, anna, editor, tmp_path):
    factories.settings_group(acme, "Mail")
    for group in ("Text editor", "Mail"):
        import_reg(acme, tmp_path, '[HKEY_CURRENT_USER\\Software\\Acme]\n"a"="1"', group=group)
    with pytest.raises(CommandError, match="--group"):
        run("export_settings", "acme", ANNA, tmp_path / "out")
    run("export_settings", "acme", ANNA, tmp_path / "out", group="Mail")
    assert read(tmp_path / "out") == [(sz("a", "1"), None)]
