import os

import pytest

from launcher import commands, packages, virtualenv
from launcher.packages import Package
from launcher.service import LauncherError

PRESENT = Package("present", ("sh",))
ABSENT = Package("absent", ("no-such-program",))
ALSO_ABSENT = Package("also-absent", ("/no/such/*/header.h",))
UNPACKABLE = Package("slapd", ("no-such-slapd",), unpackable=True)


@pytest.fixture
def ordinary_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.fixture
def installed(monkeypatch):
    """Collect what would be installed or unpacked, instead of doing it."""
    done = []
    monkeypatch.setattr(packages, "_install", lambda wanted, say: done.append(("install", wanted)))
    monkeypatch.setattr(packages, "_unpack", lambda wanted, say: done.append(("unpack", wanted)))
    return done


def test_a_package_is_missing_while_one_of_its_proofs_is(tmp_path):
    (tmp_path / "x86_64-linux-gnu").mkdir()
    (tmp_path / "x86_64-linux-gnu" / "lib.so").touch()
    whole = Package("whole", ("sh", f"{tmp_path}/*-linux-gnu/lib.so"))
    half = Package("half", ("sh", f"{tmp_path}/*-linux-gnu/other.so"))
    assert packages.missing([PRESENT, whole, half, ABSENT]) == [half, ABSENT]


def test_programs_for_administrators_are_found_without_their_folders_in_path(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    assert Package("passwd", ("useradd",)).is_present()


def test_an_ordinary_user_gets_one_line_for_root_and_exit_code_3(ordinary_user, installed):
    with pytest.raises(LauncherError) as stop:
        packages.require([PRESENT, ABSENT, ALSO_ABSENT, UNPACKABLE], print)
    assert stop.value.exit_code == 3
    assert str(stop.value).endswith("  apt-get install --no-install-recommends -y absent also-absent slapd")
    assert installed == []


def test_an_ordinary_user_needs_no_root_for_slapd_and_headers(ordinary_user, installed):
    packages.require([PRESENT, UNPACKABLE], print)
    assert installed == [("unpack", [UNPACKABLE])]


def test_root_installs_everything_that_is_missing(monkeypatch, installed):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    packages.require([PRESENT, ABSENT, UNPACKABLE], print)
    assert installed == [("install", [ABSENT, UNPACKABLE])]


def test_nothing_is_touched_when_nothing_is_missing(ordinary_user, installed):
    packages.require([PRESENT], print)
    assert installed == []


def test_the_command_stops_before_it_starts_anything(ordinary_user, installed, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(packages, "SBIN", "/nowhere")
    monkeypatch.setattr(commands, "_do", lambda *_: pytest.fail("started although packages are missing"))
    monkeypatch.setattr(virtualenv, "ensure", lambda say: pytest.fail("touched the environment"))
    monkeypatch.setattr(virtualenv, "is_current", lambda: True)
    assert commands.main(["test"]) == 3
    assert "Nothing was started. As root, run:\n  apt-get install" in (error := capsys.readouterr().err)
    assert {"chromium", "samba-ad-dc", "gettext", "libhivex-bin", "registry-tools"} <= set(error.split())


def needed(*words):
    arguments, rest = commands.parser().parse_known_args(words)
    return {package.name for package in commands.packages_of(arguments, rest)}


def test_groups_left_out_by_name_need_no_packages():
    everything = needed("test")
    assert everything - needed("test", "--no-browser") == {"chromium"}
    assert everything - needed("test", "--no-ad") == {each.name for each in packages.ACTIVE_DIRECTORY}


def test_only_the_check_of_the_statements_runs_tests():
    assert needed("spec") == set()
    assert needed("spec", "--check") == needed("test")


def test_up_needs_a_directory_server_only_for_the_demo(monkeypatch):
    assert needed("up") == {"slapd"}
    assert needed("up", "--no-demo") == set()
    monkeypatch.setenv("DEMO_DIRECTORY_URL", "ldaps://dc1.example.test")
    assert needed("up") == set()


def test_a_current_environment_needs_no_compiler(monkeypatch):
    monkeypatch.setattr(virtualenv, "is_current", lambda: True)
    assert virtualenv.required_packages() == []
    monkeypatch.setattr(virtualenv, "is_current", lambda: False)
    monkeypatch.setattr(virtualenv, "_uv", lambda: None)
    assert {"gcc", "python3-dev", "libldap2-dev", "python3-venv"} <= {p.name for p in virtualenv.required_packages()}


def test_without_installed_headers_python_ldap_is_built_against_the_unpacked_ones(monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "UNPACKED", tmp_path)
    monkeypatch.setattr(packages, "HEADERS", (tmp_path / "none.h",))
    libraries = tmp_path / "usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    assert packages.build_environment() == {
        "CFLAGS": f"-I{tmp_path}/usr/include",
        "LDFLAGS": f"-L{libraries} -Wl,-rpath,{libraries}",
    }


def test_with_installed_headers_nothing_special_is_set(monkeypatch, tmp_path):
    (tmp_path / "ldap.h").touch()
    monkeypatch.setattr(packages, "HEADERS", (tmp_path / "ldap.h",))
    assert packages.build_environment() == {}
