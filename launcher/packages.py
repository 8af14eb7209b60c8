"""Debian packages: which are needed for what, which are missing, and how they come onto the machine.

Root gets them by apt-get install. Everybody else has slapd and the headers of python-ldap unpacked under `var/tools`
without root; where only root can help, the command stops before it starts anything with the one line to hand to root.
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.folders import TOOLS
from launcher.service import LauncherError

EXIT_MISSING_PACKAGES = 3
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not in an ordinary user's PATH
UNPACKED = TOOLS / "root"
HEADERS = (Path("/usr/include/ldap.h"), Path("/usr/include/sasl/sasl.h"))


@dataclass(frozen=True)
class Package:
    """A Debian package and how to see that what it brings is there: a program's name, or a file's path or pattern."""

    name: str
    proofs: tuple[str, ...]
    unpackable: bool = False  # works from var/tools, so that no root is needed

    def is_present(self) -> bool:
        return all(_is_present(proof, unpackable=self.unpackable) for proof in self.proofs)


def _is_present(proof: str, *, unpackable: bool) -> bool:
    if "/" not in proof:
        search = os.environ.get("PATH", os.defpath) + ":" + SBIN
        return shutil.which(proof, path=search) is not None or (
            unpackable and (UNPACKED / "usr" / "sbin" / proof).exists()
        )
    roots = [Path("/"), UNPACKED] if unpackable else [Path("/")]
    return any(next(root.glob(proof.lstrip("/")), None) for root in roots)


PYTHON_HEADER = sysconfig.get_paths()["include"] + "/Python.h"
VENV_PACKAGE = Package("python3-venv", (sysconfig.get_paths()["stdlib"] + "/ensurepip/__init__.py",))
# python-ldap is the one part without a wheel.
BUILD = (
    Package("gcc", ("cc",)),
    Package("libc6-dev", ("/usr/include/stdio.h",)),
    Package("python3-dev", (PYTHON_HEADER,)),
    Package("libldap2-dev", ("/usr/include/ldap.h", "/usr/lib/*-linux-gnu/libldap.so"), unpackable=True),
    Package("libsasl2-dev", ("/usr/include/sasl/sasl.h",), unpackable=True),
)
DIRECTORY = (Package("slapd", ("slapd",), unpackable=True),)
TRANSLATION = (Package("gettext", ("msgfmt",)),)
BROWSER = (Package("chromium", ("chromium",)),)
HIVES = (
    Package("libhivex-bin", ("hivexsh",)),
    Package("python3-hivex", ("/usr/lib/python3/dist-packages/hivex/__init__.py",)),
    Package("registry-tools", ("regpatch",)),
)
ACTIVE_DIRECTORY = (
    Package("samba", ("smbd",)),
    Package("samba-ad-dc", ("samba",)),
    Package("samba-ad-provision", ("/usr/share/samba/setup/provision.ldif",)),
    Package("winbind", ("winbindd",)),
    Package("ldb-tools", ("ldbadd",)),
)
# systemd units that these packages would start on the well-known ports; we start the programs ourselves.
UNITS = ("slapd", "smbd", "nmbd", "winbind", "samba-ad-dc")

# What slapd and the headers consist of; where names differ between releases, the first one that exists is taken.
UNPACKED_PACKAGES = (
    ("slapd",),
    ("libldap-2.5-0", "libldap2"),
    ("libldap-dev", "libldap2-dev"),
    ("libsasl2-dev",),
    ("libodbc2",),
    ("libltdl7",),
    ("libwrap0",),
    ("libargon2-1",),
)


def missing(packages: Iterable[Package]) -> list[Package]:
    """Return those packages whose files are not there."""
    return [package for package in packages if not package.is_present()]


def require(packages: Iterable[Package], say: Callable[[str], None]) -> None:
    """Make sure the packages are there.

    Root installs what is missing. For an ordinary user the unpackable ones are unpacked under `var/tools`; for the
    others LauncherError (exit code 3) carries the one line to hand to root, and nothing was touched.
    """
    wanted = missing(packages)
    if not wanted:
        return
    if os.geteuid() == 0:
        _install(wanted, say)
        return
    rest = [package for package in wanted if not package.unpackable]
    if rest:
        raise LauncherError(ask_root(wanted), exit_code=EXIT_MISSING_PACKAGES)
    _unpack(wanted, say)


def ask_root(packages: Iterable[Package]) -> str:
    """Return the sentence with the one command line that only root can run."""
    names = " ".join(package.name for package in packages)
    return (
        "Some Debian packages are missing, and only root can install them. Nothing was started. As root, run:\n"
        f"  apt-get install --no-install-recommends -y {names}"
    )


def install_line(packages: Iterable[Package]) -> list[str]:
    return ["apt-get", "install", "--no-install-recommends", "-y", *(package.name for package in packages)]


def _install(packages: list[Package], say: Callable[[str], None]) -> None:
    line = install_line(packages)
    say("Installing Debian packages: " + shlex.join(line))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _services_kept_off():
        if not any(Path("/var/lib/apt/lists").glob("*_Packages*")) or not _run_apt(line, environment):
            _run_apt(["apt-get", "update", "-q"], environment)
            if not _run_apt(line, environment):
                raise LauncherError(
                    "apt-get could not install what is missing; see its messages above. The line was:\n  "
                    + shlex.join(line),
                    exit_code=EXIT_MISSING_PACKAGES,
                )
    still = missing(packages)
    if still:
        names = ", ".join(package.name for package in still)
        raise LauncherError(f"Installed, but still not found: {names}.", exit_code=EXIT_MISSING_PACKAGES)


def _run_apt(line: list[str], environment: dict[str, str]) -> bool:
    """Run apt-get quietly; show what it printed only when it fails."""
    try:
        done = subprocess.run(line, env=environment, capture_output=True, text=True, errors="replace")
    except FileNotFoundError as error:
        raise LauncherError("apt-get is not here: Roamkeep's launcher needs Debian or a relative of it.") from error
    if done.returncode:
        print((done.stdout + done.stderr).rstrip(), flush=True)
    return done.returncode == 0


@contextlib.contextmanager
def _services_kept_off() -> Iterator[None]:
    """Keep package scripts from starting daemons (slapd on 389, smbd on 445) now and at the next boot."""
    policy = Path("/usr/sbin/policy-rc.d")  # Debian's hook: exit code 101 forbids every start
    ours = not policy.exists()
    there_before = {unit for unit in UNITS if _unit_file(unit)}
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink(missing_ok=True)
        new = [unit for unit in UNITS if _unit_file(unit) and unit not in there_before]
        if new and shutil.which("systemctl"):
            subprocess.run(["systemctl", "disable", *new], capture_output=True)


def _unit_file(unit: str) -> bool:
    return any(Path(place, f"{unit}.service").exists() for place in ("/lib/systemd/system", "/etc/init.d")) or (
        Path("/etc/init.d", unit).exists()
    )


def _unpack(wanted: list[Package], say: Callable[[str], None]) -> None:
    """Unpack slapd and the LDAP headers under var/tools: nothing is installed and no service starts."""
    say(f"Unpacking slapd and the LDAP headers under {TOOLS}")
    downloads = TOOLS / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    own_lists: list[str] = []
    try:
        if not _download(_first_known(own_lists), downloads, own_lists):
            # No package lists, or older than the mirror: fetch our own, which needs no root.
            for folder in ("lists/partial", "cache/archives/partial"):
                (TOOLS / "apt" / folder).mkdir(parents=True, exist_ok=True)
            own_lists = ["-o", f"Dir::State::lists={TOOLS}/apt/lists", "-o", f"Dir::Cache={TOOLS}/apt/cache"]
            own_lists += ["-o", "APT::Sandbox::User="]
            updated = subprocess.run(["apt-get", "-qq", *own_lists, "update"], capture_output=True).returncode == 0
            if not updated or not _download(_first_known(own_lists), downloads, own_lists):
                raise LauncherError(ask_root(wanted), exit_code=EXIT_MISSING_PACKAGES)
        for archive in sorted(downloads.glob("*.deb")):
            subprocess.run(["dpkg", "-x", archive, UNPACKED], check=True)
    except FileNotFoundError as error:
        raise LauncherError("apt-get and dpkg are not here: Roamkeep's launcher needs Debian.") from error
    finally:
        shutil.rmtree(downloads, ignore_errors=True)
    still = missing(wanted)
    if still:
        raise LauncherError(ask_root(still), exit_code=EXIT_MISSING_PACKAGES)


def _first_known(options: list[str]) -> list[str]:
    """Return of each line of UNPACKED_PACKAGES the first name that apt knows."""

    def is_known(name: str) -> bool:
        shown = subprocess.run(["apt-cache", *options, "show", name], capture_output=True)
        return shown.returncode == 0 and bool(shown.stdout)

    return [name for names in UNPACKED_PACKAGES for name in [next(filter(is_known, names), None)] if name]


def _download(names: list[str], folder: Path, options: list[str]) -> bool:
    if "slapd" not in names:
        return False
    line = ["apt-get", "-qq", *options, "download", *names]
    return subprocess.run(line, cwd=folder, capture_output=True).returncode == 0


def build_environment() -> dict[str, str]:
    """Return the variables that let python-ldap build: none with headers installed, paths into var/tools without."""
    if all(header.exists() for header in HEADERS):
        return {}
    libraries = next((UNPACKED / "usr" / "lib").glob("*-linux-gnu"), UNPACKED / "usr" / "lib")
    include = UNPACKED / "usr" / "include"
    return {"CFLAGS": f"-I{include}", "LDFLAGS": f"-L{libraries} -Wl,-rpath,{libraries}"}
