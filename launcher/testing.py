"""`./roamkeep test`, `bench` and `spec`: throw-away services, then a program of the project on top of them."""

import re
import signal
import subprocess
from collections.abc import Sequence

from launcher import project, stack
from launcher.folders import PYTHON, ROOT, VAR
from launcher.processors import processor_count
from launcher.service import die_with_parent
from launcher.supervisor import StopRequested, stop_signals
from launcher.terminal import say


def test(*, active_directory: bool, browser: bool, deep: bool, arguments: Sequence[str]) -> int:
    """Run pytest on throw-away services and return its exit code."""
    chosen = pytest_arguments(arguments, active_directory=active_directory, browser=browser)
    with stop_signals(), stack.throw_away(say, durable=False) as (_folder, values):
        values["EMAIL_URL"] = "memorymail://"
        return _run([str(PYTHON), "-m", "pytest", *chosen], values | ({"ROAMKEEP_DEEP": "1"} if deep else {}))


def pytest_arguments(arguments: Sequence[str], *, active_directory: bool, browser: bool) -> list[str]:
    """Return the arguments for pytest: groups left out by name, and every core unless only a part is asked for.

    >>> pytest_arguments(["tests/launcher"], active_directory=False, browser=True)
    ['-n0', 'tests/launcher', '-m', 'not ad']
    """
    rest: list[str] = []
    marks: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "-m":
            marks.append(f"({next(words, '')})")
        else:
            rest.append(word)
    marks += [f"not {mark}" for mark, wanted in (("ad", active_directory), ("browser", browser)) if not wanted]
    processes: list[str] = []
    if not any(re.match(r"-n|--numprocesses", word) for word in rest):
        part = any(word.startswith("-k") or _is_path(word) for word in rest)
        processes = ["-n0"] if part else ["-n", str(processor_count()), "--dist", "loadgroup"]
    return [*processes, *rest, *(["-m", " and ".join(marks)] if marks else [])]


def _is_path(word: str) -> bool:
    return not word.startswith("-") and (ROOT / word.split("::")[0]).exists()


def bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks on throw-away services that write as durably as those of `up`; return their exit code."""
    with stop_signals(), stack.throw_away(say, durable=True, place=VAR) as (folder, values):
        project.migrate(folder, values, own_database=True)
        project.collect_static(values)
        return _run([str(PYTHON), "-m", "benchmarks", *arguments], values)


def spec(arguments: Sequence[str]) -> int:
    """List what the tests prove, or with `--check` whether they can fail; return the exit code."""
    line = [str(PYTHON), "-m", "tests.spec", *arguments]
    if "--check" not in arguments:
        return subprocess.run(line, cwd=ROOT).returncode
    with stop_signals(), stack.throw_away(say, durable=False) as (_folder, values):
        values["EMAIL_URL"] = "memorymail://"
        return _run(line, values)


def _run(line: list[str], values: dict[str, str]) -> int:
    """Run a program at the terminal to its end; a stop signal reaches it as Ctrl-C would."""
    process = subprocess.Popen(
        line,
        cwd=ROOT,
        env=stack.process_environment(values),
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        return process.wait()
    except StopRequested as stop:
        if stop.number != signal.SIGINT:  # Ctrl-C has reached it already: it shares our terminal
            process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return 128 + stop.number
