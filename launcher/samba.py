"""A real Active Directory domain controller for the tests: Samba's, provisioned once, copied for every start.

Root gives it a loopback address of its own with the well-known ports, which Samba cannot change. For an ordinary user
it runs in a user and network namespace, reached through a relay on a free port of 127.0.0.1.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher import demo_people, samba_domain, samba_namespace
from launcher.certificates import Certificates, ensure_certificates
from launcher.demo_people import Organisation
from launcher.ports import LOOPBACK, answers, free_port
from launcher.service import LauncherError, Service, plain_environment

# Debian's packages bring Samba's modules for this one only; isolated (-I), so that `samba` is not found beside us.
SYSTEM_PYTHON = ["/usr/bin/python3", "-I"]
PORT = 389
LOCKOUT_THRESHOLD = 10  # wrong passwords until an account is locked for 30 minutes
MOST_KEPT = 4  # filled domains in the cache
ADDRESSES = [f"127.0.0.{last}" for last in range(77, 100)]


class Samba(Service):
    """One domain controller in the throw-away `directory`, copied from the provisioned domain under `cache`.

    `organisation` is what fills it, `crowd` the size of one more organisational unit; `in_namespace` overrides that
    root needs no namespace. A domain is made in about 10 s,
    and about 60 s per 5,000 people, growing with the square; a copy of one that is made takes less than a second.
    """

    name = "samba"

    def __init__(
        self,
        directory: Path,
        cache: Path,
        *,
        organisation: Organisation = demo_people.ACME,
        crowd: int = 0,
        in_namespace: bool | None = None,
    ) -> None:
        self.directory = directory
        self.organisation = organisation
        self.crowd = crowd
        self._cache = cache / f"samba-{_version()}-{os.geteuid()}"
        self._in_namespace = os.geteuid() != 0 if in_namespace is None else in_namespace
        self._address = ""
        self._port = free_port() if self._in_namespace else PORT

    def prepare(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.clean_up()
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self._cache / "lock"):
            _copy(self._filled_domain(), self._domain)
        for name in ("run", "lock", "ncalrpc", "winbindd"):
            (self._domain / name).mkdir(mode=0o755, exist_ok=True)
        self._configuration_file.write_text(self._configuration())

    def command(self) -> list[str]:
        server = ["samba", "-i", "--no-process-group", "-M", "single", "-s", str(self._configuration_file)]
        if not self._in_namespace:
            return server
        relay = [*SYSTEM_PYTHON, samba_namespace.__file__, str(self._port), str(self._domain / "private" / "ldapi")]
        return [*relay, *server]

    def process_environment(self) -> dict[str, str]:
        environment = plain_environment()
        return environment | {"PATH": environment["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin"}

    def is_ready(self) -> bool:
        return (self._domain / "private" / "ldapi").exists() and answers((self.address, self._port))

    def environment(self) -> dict[str, str]:
        return {
            "AD_DIRECTORY_URL": self.url,
            "AD_DIRECTORY_CA_FILE": str(self.certificates().authority),
            "AD_DIRECTORY_BIND_DN": self.service_dn,
            "AD_DIRECTORY_BIND_PASSWORD": demo_people.SERVICE_PASSWORD,
            "AD_DIRECTORY_BASE_DN": self.organisation.base_dn,
        }

    @property
    def url(self) -> str:
        return f"ldap://{self.address}:{self._port}"

    @property
    def service_dn(self) -> str:
        return f"cn={demo_people.SERVICE_ACCOUNT},cn=Users,{self.organisation.base_dn}"

    @property
    def address(self) -> str:
        """The address of this run, the first one on which no other domain controller listens."""
        if not self._address:
            free = (address for address in ADDRESSES if not answers((address, PORT)))
            self._address = LOOPBACK if self._in_namespace else next(free)
        return self._address

    def certificates(self) -> Certificates:
        return ensure_certificates(self.directory / "tls", address=self.address)

    def clean_up(self) -> None:
        shutil.rmtree(self._domain, ignore_errors=True)

    # -- details -------------------------------------------------------------------------------------------------

    @property
    def _domain(self) -> Path:
        return self.directory / "domain"

    @property
    def _configuration_file(self) -> Path:
        return self._domain / "etc" / "smb.conf"

    def _filled_domain(self) -> Path:
        """Return the cached domain with these people, made on the first call; the caller holds the lock."""
        content = json.dumps(self._content(), sort_keys=True)
        digest = hashlib.sha256((Path(samba_domain.__file__).read_text() + content).encode()).hexdigest()[:16]
        empty = self._cache / f"empty-{self.organisation.domain}"
        if not empty.exists():
            with _draft(empty) as draft:
                self._run("provision", draft, json.dumps(self._wanted_domain()))
        filled = self._cache / f"filled-{digest}"
        if not filled.exists():
            with _draft(filled) as draft:
                shutil.rmtree(draft)
                _copy(empty, draft)
                (draft / "etc" / "smb.conf").write_text(_settings(draft, self.organisation, LOOPBACK))
                self._run("fill", draft, content)
            by_age = sorted(self._cache.glob("filled-*"), key=lambda path: path.stat().st_mtime, reverse=True)
            for stale in by_age[MOST_KEPT:]:
                shutil.rmtree(stale)
        return filled

    def _wanted_domain(self) -> dict[str, str]:
        return {
            "realm": self.organisation.dns_name.upper(),
            "domain": self.organisation.domain,
            "password": demo_people.SERVICE_PASSWORD,
        }

    def _content(self) -> dict[str, object]:
        organisation = self.organisation
        crowd = demo_people.crowd(organisation, self.crowd)
        units = [*organisation.units, *([demo_people.CROWD] if crowd else [])]
        dns = {person.account: organisation.person_dn(person) for person in organisation.people}
        group_dns = {group.name: organisation.group_dn(group) for group in organisation.groups}
        service = {
            "dn": self.service_dn,
            "sAMAccountName": demo_people.SERVICE_ACCOUNT,
            "description": "Reads the directory for Roamkeep",
            "password": demo_people.SERVICE_PASSWORD,
            "enabled": True,
        }
        return {
            "units": [organisation.unit_dn(unit) for unit in units],
            "people": [
                service,
                *(
                    {
                        "dn": dns[person.account],
                        "sAMAccountName": person.account,
                        "userPrincipalName": f"{person.account}@{organisation.dns_name}",
                        "displayName": person.name,
                        "givenName": person.given_name,
                        "sn": person.surname,
                        "mail": person.mail,
                        "password": person.password,
                        "enabled": person.enabled,
                        **({"title": person.title} if person.title else {}),
                        **({"accountExpires": person.expires} if person.expires else {}),
                    }
                    for person in organisation.people
                ),
            ],
            "groups": [
                {"dn": group_dns[group.name], "sAMAccountName": group.name}
                | ({"description": group.description} if group.description else {})
                for group in organisation.groups
            ],
            "members": {
                group_dns[group.name]: [*(dns[a] for a in group.people), *(group_dns[name] for name in group.groups)]
                for group in organisation.groups
                if group.people or group.groups
            },
            "crowd": crowd,
            "lockout_threshold": LOCKOUT_THRESHOLD,
        }

    def _run(self, verb: str, folder: Path, given: str) -> None:
        # Provisioning asks for root; in a user namespace everybody is.
        prefix = samba_namespace.NAMESPACE if self._in_namespace else []
        line = [*prefix, *SYSTEM_PYTHON, samba_domain.__file__, verb, str(folder)]
        done = subprocess.run(line, input=given, env=self.process_environment(), capture_output=True, text=True)
        if done.returncode:
            raise LauncherError(f"Samba could not {verb} its domain in {folder}:\n{done.stderr.strip()[-2000:]}")

    def _configuration(self) -> str:
        certificates = self.certificates()
        return _settings(self._domain, self.organisation, self.address) + (
            "\ttls enabled = yes\n"
            f"\ttls certfile = {certificates.certificate}\n"
            f"\ttls keyfile = {certificates.key}\n"
            f"\ttls cafile = {certificates.authority}\n"
        )


def _settings(folder: Path, organisation: Organisation, address: str) -> str:
    return f"""\
[global]
\tnetbios name = DC1
\tworkgroup = {organisation.domain}
\trealm = {organisation.dns_name.upper()}
\tserver role = active directory domain controller
\tserver services = ldap
\tinterfaces = {address}/8
\tbind interfaces only = yes
\tdisable netbios = yes
\tidmap_ldb:use rfc2307 = yes
\tprivate dir = {folder}/private
\tstate directory = {folder}/state
\tcache directory = {folder}/cache
\tlock directory = {folder}/lock
\tpid directory = {folder}/run
\tncalrpc dir = {folder}/ncalrpc
\twinbindd socket directory = {folder}/winbindd
\tbinddns dir = {folder}/bind-dns
\tlog file = {folder}/log.samba
\tposix:eadb = {folder}/private/eadb.tdb
"""


def _version() -> str:
    try:
        shown = subprocess.run(
            ["/usr/sbin/samba", "--version"], env=plain_environment(), capture_output=True, text=True, check=True
        )
    except OSError as error:
        raise LauncherError("Samba is not here; install the Debian package samba-ad-dc.") from error
    return shown.stdout.split()[1]


def _copy(source: Path, target: Path) -> None:
    # The databases are mostly holes.
    subprocess.run(["cp", "-a", "--sparse=always", str(source), str(target)], check=True)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Yield a folder that becomes `target` when the block ends well, and disappears otherwise."""
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=target.parent))
    try:
        yield draft
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
