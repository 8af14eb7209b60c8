"""The command line of `./roamkeep`: what it offers, what each command needs, who does it."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from launcher import packages, virtualenv
from launcher.folders import PYTHON, ROOT, VENV
from launcher.service import LauncherError
from launcher.supervisor import StopRequested
from launcher.terminal import say

DEFAULT_PORT = 7771
FORWARDING = ("test", "bench", "spec")  # hand what they do not know to the program they start


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line."""
    main_parser = argparse.ArgumentParser(prog="./roamkeep", description="Starts, tests and keeps a Roamkeep.")
    commands = main_parser.add_subparsers(dest="command", metavar="command", required=True)

    def add(name: str, sentence: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=sentence, description=sentence, allow_abbrev=False)

    up = add("up", "start everything, with the demo at the first run")
    up.add_argument("--port", type=_port, default=DEFAULT_PORT, help=f"of the console on loopback ({DEFAULT_PORT})")
    up.add_argument("--no-demo", action="store_true", help="an empty Roamkeep: see manage create_tenant and bootstrap")
    down = add("down", "stop what `up` started")
    manage = add("manage", "run a management command against the running stack")
    backup = add("backup", "write the running stack's database and secret key to one file")
    backup.add_argument("file", type=Path)
    restore = add("restore", "fill an empty data folder from a backup")
    restore.add_argument("file", type=Path)
    restore.add_argument("--keep-tokens", action="store_true", help="do not end sessions and access tokens")
    test = add("test", "run the tests on throw-away services; further arguments go to pytest")
    test.add_argument("--no-ad", action="store_true", help="leave out the tests against a Samba domain controller")
    test.add_argument("--no-browser", action="store_true", help="leave out the tests in Chromium")
    test.add_argument("--deep", action="store_true", help="the same tests at full size")
    add("lint", "run the linters")
    add("bench", "run the benchmarks on throw-away services; further arguments go to them")
    add("spec", "list the statements that tests prove; --check breaks the code to see whether they notice")
    for each in (up, down, manage, backup, restore):
        each.add_argument("--data", type=Path, metavar="DIR", help="data folder (var/data in the checkout)")
    manage.add_argument("arguments", nargs=argparse.REMAINDER, metavar="command", help="such as: bootstrap --help")
    return main_parser


def main(words: Sequence[str]) -> int:
    """Do what the command line says and return the exit code; a LauncherError or a stop signal becomes one sentence."""
    arguments, rest = parser().parse_known_args(words)
    if rest and arguments.command not in FORWARDING:
        parser().error(f"unknown arguments: {' '.join(rest)}")
    try:
        if arguments.command == "down":  # needs nothing but the standard library
            from launcher.down import down

            return down(data=arguments.data)
        set_up(arguments, rest)
        if Path(sys.prefix).resolve() != VENV.resolve():
            os.execv(PYTHON, [str(PYTHON), str(ROOT / "roamkeep"), *words])
        return _do(arguments, rest)
    except LauncherError as error:
        print(f"[roamkeep] {error}", file=sys.stderr, flush=True)
        return error.exit_code
    except StopRequested as stop:
        print(f"[roamkeep] {arguments.command} was stopped by {stop} before it was done.", file=sys.stderr, flush=True)
        return 128 + stop.number


def set_up(arguments: argparse.Namespace, rest: Sequence[str] = ()) -> None:
    """Bring onto the machine what the command needs, or stop with what only root can do."""
    packages.require([*virtualenv.required_packages(), *packages_of(arguments, rest)], say)
    virtualenv.ensure(say)


def packages_of(arguments: argparse.Namespace, rest: Sequence[str] = ()) -> list[packages.Package]:
    """Return the Debian packages that a command needs besides those of the Python environment."""
    if arguments.command == "up":
        return [] if arguments.no_demo or os.environ.get("DEMO_DIRECTORY_URL") else [*packages.DIRECTORY]
    if arguments.command == "test" or (arguments.command == "spec" and "--check" in rest):
        left_out = {"ad": getattr(arguments, "no_ad", False), "browser": getattr(arguments, "no_browser", False)}
        return [
            *packages.DIRECTORY,
            *packages.TRANSLATION,
            *packages.HIVES,
            *([] if left_out["browser"] else packages.BROWSER),
            *([] if left_out["ad"] else packages.ACTIVE_DIRECTORY),
        ]
    return []


def _do(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Run the command inside the Python environment."""
    command = arguments.command
    if command == "up":
        from launcher.up import up

        return up(port=arguments.port, data=arguments.data, demo=not arguments.no_demo)
    if command == "manage":
        from launcher.project import manage_running

        return manage_running(arguments.arguments, data=arguments.data)
    if command == "backup":
        from launcher.archive import backup

        return backup(arguments.file, data=arguments.data)
    if command == "restore":
        from launcher.archive import restore

        return restore(arguments.file, data=arguments.data, keep_tokens=arguments.keep_tokens)
    if command == "lint":
        from launcher.lint import lint

        return lint()
    from launcher import testing

    if command == "test":
        return testing.test(
            active_directory=not arguments.no_ad, browser=not arguments.no_browser, deep=arguments.deep, arguments=rest
        )
    return testing.bench(rest) if command == "bench" else testing.spec(rest)


def _port(word: str) -> int:
    if not word.isdigit() or not 1 <= int(word) <= 65535:
        raise argparse.ArgumentTypeError(f"{word!r} is not a port (1 to 65535)")
    return int(word)
