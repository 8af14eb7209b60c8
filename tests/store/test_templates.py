"""Settings location templates become settings groups, and say where imported settings belong."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from personalization import store
from personalization.formats.bundle import write_folder
from personalization.formats.collection import canonical
from personalization.formats.items import in_memory_file
from personalization.formats.templates import read_template
from personalization.models import Backup, SettingsGroup, SettingsProfile
from personalization.templates import from_json, groups_of, to_json
from tests import factories
from tests.formats.template_texts import EDITOR, single, xml
from tests.store.conftest import sz

pytestmark = pytest.mark.django_db

MAIL = """<Name>Mail</Name><ID>Mail</ID><Version>{version}</Version>
<Description>Letters</Description>
<Processes><Process><Filename>mail.exe</Filename></Process><Process><Filename>spell.exe</Filename></Process></Processes>
<Settings><Registry><Path Recursive="true">Software\\Mail</Path></Registry>
<File><Root><EnvironmentVariable>APPDATA</EnvironmentVariable></Root><Path Recursive="true">Mail</Path></File>
</Settings>"""
SUITE = """<Name>Office</Name><ID>Office</ID><Version>1</Version>
<Common><Version>2</Version><Settings><Registry><Path>Software\\Office\\Common</Path></Registry></Settings></Common>
<Application><Name>Words</Name><ID>Words</ID><Version>2</Version>
<Processes><Process><Filename>words.exe</Filename></Process></Processes>
<Settings><Registry><Path Recursive="true">Software\\Office\\Words</Path></Registry></Settings></Application>"""
WALLPAPER = """<Name>Wallpaper</Name><ID>Wallpaper</ID><Version>1</Version>
<Processes><ShellProcess/></Processes>
<Settings><Registry><Path>Control Panel\\Desktop</Path></Registry></Settings>"""


def import_templates(tmp_path, *sources):
    paths = []
    for number, source in enumerate(sources):
        path = tmp_path / f"{number}.xml"
        path.write_bytes(source if isinstance(source, bytes) else xml(source))
        paths.append(str(path))
    out = io.StringIO()
    call_command("import_templates", "acme", *paths, stdout=out)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("source", [EDITOR, single(""), xml(SUITE), xml(WALLPAPER), xml(MAIL.format(version=3))])
def test_a_template_survives_its_way_through_the_database(source):
    for part in groups_of(read_template(source)):
        again = from_json(json.loads(json.dumps(to_json(part))))
        assert again == part
        assert hash(again) == hash(part)


def test_a_template_becomes_a_settings_group(acme, tmp_path):
    assert import_templates(tmp_path, MAIL.format(version=1), WALLPAPER) == ["New: Mail", "New: Wallpaper"]
    with acme.context():
        mail, wallpaper = SettingsGroup.objects.order_by("name_key")
        assert (mail.template_key, mail.kind, mail.description) == ("Mail", "application", "Letters")
        assert mail.programs == ["mail.exe", "spell.exe"]
        assert wallpaper.kind == "windows"
        event = Event.objects.get(verb="templates.imported")
        assert event.labels["created"] == ["Mail", "Wallpaper"]


def test_the_same_template_again_changes_nothing_and_a_newer_one_replaces_it(acme, tmp_path):
    import_templates(tmp_path, MAIL.format(version=3))
    with acme.context():
        SettingsGroup.objects.update(name="Our mail")
        made = SettingsGroup.objects.get().pk
    for version, line in ((3, "Unchanged: Our mail"), (2, "Unchanged: Our mail"), (4, "Changed: Our mail")):
        assert import_templates(tmp_path, MAIL.format(version=version)) == [line]
    with acme.context():
        group = SettingsGroup.objects.get()
        assert (group.pk, group.template["version"]) == (made, 4)
        assert Event.objects.filter(verb="templates.imported").count() == 2


def test_each_program_of_a_suite_is_a_group_of_its_own(acme, tmp_path):
    assert import_templates(tmp_path, SUITE) == ["New: Office", "New: Words"]


def test_a_name_that_is_taken_gets_the_id_behind_it(acme, tmp_path):
    factories.settings_group(acme, "mail")
    assert import_templates(tmp_path, MAIL.format(version=1)) == ["New: Mail (Mail)"]


def test_one_bad_template_refuses_all_of_them(acme, tmp_path):
    with pytest.raises(CommandError, match=r"1\.xml: .*line"):
        import_templates(tmp_path, MAIL.format(version=1), b"<nonsense")
    with acme.context():
        assert not SettingsGroup.objects.exists()


@pytest.fixture
def sorted_groups(acme, tmp_path):
    import_templates(tmp_path, MAIL.format(version=1), SUITE)
    return acme


def import_settings(path):
    out = io.StringIO()
    call_command("import_settings", "acme", "FINANCE\\anna", str(path), by_templates=True, stdout=out)
    return out.getvalue()


def held(world, name):
    with world.context():
        profile = SettingsProfile.objects.select_related("snapshot").filter(settings_group__name=name).first()
        return profile and (list(store.read_items(profile.snapshot)) if profile.snapshot else [])


def test_settings_are_sorted_into_the_groups_they_belong_to(sorted_groups, anna, tmp_path):
    mail = [sz("a", "1", "HKCU\\Software\\Mail\\Inbox"), in_memory_file("%APPDATA%\\Mail\\sig", b"Kind regards")]
    words = [sz("b", "2", "HKCU\\Software\\Office\\Words")]
    nobodys = sz("c", "3", "HKCU\\Software\\Elsewhere")
    write_folder([*mail, *words, nobodys], tmp_path / "in")
    said = import_settings(tmp_path / "in")
    assert held(sorted_groups, "Mail") == canonical(mail)
    assert held(sorted_groups, "Words") == words
    assert held(sorted_groups, "Office") is None
    assert "Left out, no template wants them: HKCU\\Software\\Elsewhere\\c" in said
    with sorted_groups.context():
        assert Event.objects.filter(verb="settings.imported").count() == 1


def test_groups_that_get_nothing_stay_and_each_changed_one_is_backed_up(sorted_groups, anna, tmp_path):
    write_folder([sz("a", "1", "HKCU\\Software\\Mail"), sz("b", "2", "HKCU\\Software\\Office\\Words")], tmp_path / "1")
    import_settings(tmp_path / "1")
    write_folder([sz("b", "3", "HKCU\\Software\\Office\\Words")], tmp_path / "2")
    import_settings(tmp_path / "2")
    assert held(sorted_groups, "Mail") == [sz("a", "1", "HKCU\\Software\\Mail")]
    assert held(sorted_groups, "Words") == [sz("b", "3", "HKCU\\Software\\Office\\Words")]
    with sorted_groups.context():
        made = Backup.objects.values_list("profile__settings_group__name", "made_version", "origin")
        assert sorted(made) == [
            ("Mail", 1, "before-change"),
            ("Words", 1, "before-change"),
            ("Words", 2, "before-change"),
        ]


def test_deletions_of_a_reg_file_reach_every_group(sorted_groups, anna, tmp_path):
    write_folder(
        [sz("a", "1", "HKCU\\Software\\Mail"), sz("b", "2", "HKCU\\Software\\Office\\Words"),
         sz("k", "5", "HKCU\\Software\\Office\\Common")],
        tmp_path / "in",
    )  # fmt: skip
    import_settings(tmp_path / "in")
    change = tmp_path / "change.reg"
    change.write_text(
        "Windows Registry Editor Version 5.00\n[-HKEY_CURRENT_USER\\Software\\Office]\n"
        '[HKEY_CURRENT_USER\\Software\\Mail]\n"a"="new"\n'
    )
    import_settings(change)
    assert held(sorted_groups, "Mail") == [sz("a", "new", "HKCU\\Software\\Mail")]
    assert held(sorted_groups, "Words") == held(sorted_groups, "Office") == []


def test_nothing_that_a_template_wants_is_refused(sorted_groups, anna, tmp_path):
    write_folder([sz("c", "3", "HKCU\\Software\\Elsewhere")], tmp_path / "in")
    with pytest.raises(CommandError, match="nothing in it"):
        import_settings(tmp_path / "in")


def test_without_templates_there_is_nothing_to_sort_by(acme, anna, tmp_path):
    write_folder([sz("c", "3")], tmp_path / "in")
    with pytest.raises(CommandError, match="no templates"):
        import_settings(tmp_path / "in")
