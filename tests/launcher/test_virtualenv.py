import re

import pytest

from launcher import virtualenv
from launcher.service import LauncherError


def test_the_lines_that_pin_a_package_end_with_its_last_hash():
    pinned = virtualenv._pinned("python-ldap")
    assert re.fullmatch(r"python-ldap==[\d.]+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", pinned)


def test_a_package_that_is_not_pinned_is_told():
    with pytest.raises(LauncherError, match="does not pin no-such-package"):
        virtualenv._pinned("no-such-package")


def test_every_requirement_carries_a_hash_and_none_an_address():
    text = virtualenv.REQUIREMENTS.read_text()
    names = re.findall(r"^[a-z0-9-]+==", text, re.MULTILINE)
    assert len(names) == len(re.findall(r"^[a-z0-9-]+==\S+(?: ;.*)? \\\n    --hash=", text, re.MULTILINE)) > 50
    assert "://" not in text


def test_the_environment_is_made_anew_when_requirements_change(monkeypatch, tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("one==1\n")
    monkeypatch.setattr(virtualenv, "REQUIREMENTS", requirements)
    monkeypatch.setattr(virtualenv, "STAMP", tmp_path / "stamp")
    made = []
    monkeypatch.setattr(virtualenv, "_make", lambda: made.append(requirements.read_text()))
    virtualenv.ensure(print)
    virtualenv.ensure(print)
    requirements.write_text("one==2\n")
    virtualenv.ensure(print)
    assert made == ["one==1\n", "one==2\n"]


def test_a_script_named_uv_that_runs_nothing_is_not_used(monkeypatch, tmp_path):
    (tmp_path / "uv").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert virtualenv._uv() is None
