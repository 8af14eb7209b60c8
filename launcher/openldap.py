"""The demo directory: OpenLDAP's slapd in the foreground on a loopback port, StartTLS required, filled by slapadd."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from launcher import demo_people
from launcher.certificates import Certificates, ensure_certificates
from launcher.demo_people import Organisation
from launcher.ports import LOOPBACK, answers, free_port
from launcher.service import LauncherError, Service, plain_environment

# What Active Directory knows and OpenLDAP's own schema does not, under the object identifiers of [MS-ADSC].
SCHEMA = """\
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch
  SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.1865 NAME 'msDS-PrincipalName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL
  MUST sAMAccountName
  MAY ( userPrincipalName $ msDS-PrincipalName $ userAccountControl $ accountExpires ) )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL
  MUST ( cn $ sAMAccountName ) MAY ( member $ description $ mail ) )
"""


class OpenLdap(Service):
    """One slapd with a database per organisation, in `directory`, on a loopback port that is kept while it is free.

    `tools` is where Debian packages were unpacked without root; the system's slapd is preferred. Tests set `sorting`
    (which organisations' databases can sort on the server, RFC 2891), `unauthenticated_binds` (answer success to a
    DN without a password, RFC 4513 5.1.2) and `crowd`, the size of an extra unit in the first organisation.
    """

    name = "openldap"

    def __init__(
        self,
        directory: Path,
        tools: Path | None = None,
        *,
        organisations: Iterable[Organisation] = demo_people.ORGANISATIONS,
        sorting: Iterable[str] = ("acme", "globex"),
        unauthenticated_binds: bool = False,
        crowd: int = 0,
        port: int = 0,
    ) -> None:
        self.directory = directory
        self.organisations = tuple(organisations)
        self.sorting = set(sorting)
        self.unauthenticated_binds = unauthenticated_binds
        self.crowd = crowd
        self._wanted_port = port
        self._port = 0
        self._root = _root_of_slapd(tools)

    def prepare(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificates = self.certificates()
        content = {organisation.slug: demo_people.ldif(organisation) for organisation in self.organisations}
        content[self.organisations[0].slug] += demo_people.crowd_ldif(self.organisations[0], self.crowd)
        configuration = self._configuration(certificates)
        stamp = hashlib.sha256("".join([configuration, *content.values()]).encode()).hexdigest()
        if self._stamp.exists() and self._stamp.read_text() == stamp:
            return
        self._stamp.unlink(missing_ok=True)
        (self.directory / "own.schema").write_text(SCHEMA)
        self._configuration_file.write_text(configuration)
        for organisation in self.organisations:
            shutil.rmtree(self._database(organisation), ignore_errors=True)
            self._database(organisation).mkdir(mode=0o700)
        for organisation in self.organisations:
            self._load(organisation, content[organisation.slug])
        self._stamp.write_text(stamp)

    def command(self) -> list[str]:
        return [str(self._root / "usr/sbin/slapd"), "-d", "none", "-h", self.url, "-f", str(self._configuration_file)]

    def process_environment(self) -> dict[str, str]:
        if self._root == Path("/"):
            return plain_environment()
        return plain_environment() | {"LD_LIBRARY_PATH": str(_libraries(self._root))}

    def is_ready(self) -> bool:
        return answers((LOOPBACK, self.port))

    def environment(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for organisation in self.organisations:
            prefix = "DEMO_DIRECTORY_" if organisation.slug == "acme" else f"{organisation.slug.upper()}_DIRECTORY_"
            names |= {
                f"{prefix}URL": self.url,
                f"{prefix}CA_FILE": str(self.certificates().authority),
                f"{prefix}BIND_DN": organisation.service_dn,
                f"{prefix}BIND_PASSWORD": demo_people.SERVICE_PASSWORD,
                f"{prefix}BASE_DN": organisation.base_dn,
            }
        return names

    @property
    def url(self) -> str:
        return f"ldap://{LOOPBACK}:{self.port}"

    @property
    def port(self) -> int:
        """The port of this run: the one of the last run while nobody else took it, so that stored addresses hold."""
        if not self._port:
            remembered = self.directory / "port"
            last = int(remembered.read_text()) if remembered.exists() else 0
            self._port = free_port(self._wanted_port or last)
            remembered.write_text(str(self._port))
        return self._port

    def certificates(self) -> Certificates:
        return ensure_certificates(self.directory / "tls", address=LOOPBACK)

    # -- details -------------------------------------------------------------------------------------------------

    @property
    def _configuration_file(self) -> Path:
        return self.directory / "slapd.conf"

    @property
    def _stamp(self) -> Path:
        return self.directory / "loaded"

    def _database(self, organisation: Organisation) -> Path:
        return self.directory / organisation.slug

    def _configuration(self, certificates: Certificates) -> str:
        schemas = self._root / "etc/ldap/schema"
        modules = next(path for path in _module_folders(self._root) if path.is_dir())
        lines = [
            *(f'include "{schemas / name}.schema"' for name in ("core", "cosine", "inetorgperson")),
            f'include "{self.directory / "own.schema"}"',
            f'modulepath "{modules}"',
            *(f"moduleload {name}" for name in ("back_mdb", "memberof", "sssvlv")),
            f'TLSCertificateFile "{certificates.certificate}"',
            f'TLSCertificateKeyFile "{certificates.key}"',
            "TLSVerifyClient never",
            "security ssf=128",  # passwords travel under TLS only, here as in production
            "allow bind_anon_cred bind_anon_dn" if self.unauthenticated_binds else "disallow bind_anon",
        ]
        for organisation in self.organisations:
            service = f'dn.exact="{organisation.service_dn}"'
            lines += [
                "database mdb",
                f'suffix "{organisation.base_dn}"',
                f'directory "{self._database(organisation)}"',
                f"maxsize {2**30}",
                "dbnosync",  # a demo that a power cut empties is loaded again at the next start
                "index objectClass,entryUUID,member,memberOf,userPrincipalName eq",
                "index cn,displayName,sAMAccountName,uid eq,sub",
                f"limits {service} size=unlimited time=unlimited",
                "access to attrs=userPassword by anonymous auth by * none",
                f"access to * by {service} read by * none",
                "overlay memberof",
                "memberof-group-oc group",
                *(["overlay sssvlv"] if organisation.slug in self.sorting else []),
            ]
        return "\n".join(lines) + "\n"

    def _load(self, organisation: Organisation, ldif: str) -> None:
        line = [self._root / "usr/sbin/slapd", "-T", "add", "-q", "-f", self._configuration_file]
        done = subprocess.run(
            [*line, "-b", organisation.base_dn],
            input=ldif,
            env=self.process_environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise LauncherError(f"slapd refused the people of {organisation.slug}:\n{done.stderr.strip()}")


def _root_of_slapd(tools: Path | None) -> Path:
    """Return the file tree that holds slapd: the system's, or the one of unpacked packages."""
    for root in (Path("/"), *([tools / "root"] if tools else [])):
        if (root / "usr/sbin/slapd").exists():
            return root
    raise LauncherError("slapd is not here; install the Debian package slapd.")


def _libraries(root: Path) -> Path:
    return next((root / "usr/lib").glob("*-linux-gnu"), root / "usr/lib")


def _module_folders(root: Path) -> Iterable[Path]:
    return (root / "usr/lib/ldap", _libraries(root) / "ldap")
