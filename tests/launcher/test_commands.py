import subprocess
import sys

import pytest

from launcher import commands
from launcher.folders import ROOT, DataFolder
from launcher.processors import processor_count
from launcher.testing import pytest_arguments


def chosen(*words, active_directory=True, browser=True):
    return pytest_arguments(words, active_directory=active_directory, browser=browser)


ALL_CORES = ["-n", str(processor_count()), "--dist", "loadgroup"]


def test_the_whole_suite_runs_on_every_core():
    assert chosen() == ALL_CORES
    assert chosen("-x", "--maxfail=3") == [*ALL_CORES, "-x", "--maxfail=3"]


@pytest.mark.parametrize(
    "words",
    [["-k", "undo"], ["tests/launcher"], ["tests/launcher/test_commands.py::test_x"], ["-kundo"]],
    ids=["expression", "folder", "one test", "short"],
)
def test_a_part_of_it_starts_quickly_in_one_process(words):
    assert chosen(*words) == ["-n0", *words]


@pytest.mark.parametrize("words", [["-n", "4"], ["-n4"], ["--numprocesses=4"]])
def test_a_given_number_of_processes_counts(words):
    assert chosen(*words) == words


def test_groups_are_left_out_by_name():
    assert chosen(active_directory=False, browser=False) == [*ALL_CORES, "-m", "not ad and not browser"]
    assert chosen("-m", "ad or spec", browser=False) == [*ALL_CORES, "-m", "(ad or spec) and not browser"]


def test_arguments_of_pytest_pass_through_and_ours_do_not():
    arguments, rest = commands.parser().parse_known_args(
        ["test", "--no-ad", "tests/launcher", "-k", "a or b", "--deep"]
    )
    assert (arguments.no_ad, arguments.no_browser, arguments.deep) == (True, False, True)
    assert rest == ["tests/launcher", "-k", "a or b"]


def test_arguments_of_a_management_command_pass_through():
    arguments = commands.parser().parse_args(["manage", "--data", "d", "create_tenant", "acme", "--name", "Acme"])
    assert str(arguments.data) == "d"
    assert arguments.arguments == ["create_tenant", "acme", "--name", "Acme"]


@pytest.mark.parametrize("words", [["up", "--port", "0"], ["up", "--port", "http"], ["up", "--prot", "1"], ["fly"], []])
def test_a_wrong_command_line_ends_with_code_2_and_a_sentence(words, capsys):
    with pytest.raises(SystemExit) as stop:
        commands.main(words)
    assert stop.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_manage_without_a_running_stack_ends_with_a_sentence(tmp_path, capsys):
    assert commands.main(["manage", "--data", str(tmp_path), "check"]) == 1
    assert capsys.readouterr().err == (
        f"[roamkeep] Roamkeep does not run on {tmp_path}: start it with ./roamkeep up first.\n"
    )


def test_down_without_a_running_stack_is_content(tmp_path, capsys):
    assert commands.main(["down", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"[roamkeep] Nothing runs on {tmp_path}.\n"


RUNS_UNTIL_STOPPED = """
import sys, time
from pathlib import Path
from launcher.folders import DataFolder
from launcher.supervisor import StopRequested, stop_signals
folder = DataFolder(Path(sys.argv[1]))
folder.create()
with stop_signals(), folder.lock():
    try:
        print("runs", flush=True)
        time.sleep(60)
    except StopRequested as stop:
        time.sleep(0.5)
        print(f"stopped by {stop}", flush=True)
"""


def test_down_stops_what_runs_and_waits_for_its_end(tmp_path, capsys):
    line = [sys.executable, "-c", RUNS_UNTIL_STOPPED, str(tmp_path)]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "runs\n"
        assert commands.main(["down", "--data", str(tmp_path)]) == 0
        assert process.stdout.readline() == "stopped by SIGTERM\n"
        assert not DataFolder(tmp_path).is_locked()
    assert capsys.readouterr().out == f"[roamkeep] Stopped what ran on {tmp_path}.\n"
