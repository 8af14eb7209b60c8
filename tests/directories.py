"""Real directory servers for tests: OpenLDAP's slapd and a Samba Active Directory domain controller.

Each is started once per worker, on first use. Both hold the demo people of acme and some who are harder to deal with.
"""

import os
from dataclasses import replace

import pytest

from accounts.directory import AD, OPENLDAP, DirectoryConfig, forget_breakers
from launcher.demo_people import ACME, GLOBEX, Group, Organisation, Person
from launcher.folders import TOOLS, VAR
from launcher.openldap import OpenLdap
from launcher.samba import Samba
from launcher.service import running

CROWD = 12_500
# Samba needs four minutes to make that many once; its pages hold at most 1,000.
AD_CROWD = CROWD if os.environ.get("ROAMKEEP_DEEP") == "1" else 1_500
PASSWORD = "Pä ss(*)\\wörd1"
NESTING = 12
HARD = ("Hard Cases",)


def _person(account: str, name: str, **rest) -> Person:
    return Person(account, name, HARD, "ACME", f"{account}@acme.test", password=PASSWORD, **rest)


HARD_PEOPLE = (
    _person("olga", "Olga Orlova"),
    _person("anna.quist", "Quist, Anna (Ext) #1"),
    _person("luigi", "Luigi D'Amico + Söhne"),
    _person("eve.expired", "Eve Expired", expires="129000000000000000"),
    _person("larry.locked", "Larry Locked"),
    _person("dora.disabled", "Dora Disabled", enabled=False),
)
DEPTHS = tuple(
    Group(f"Depth {level:02d}", HARD, groups=(f"Depth {level + 1:02d}",) if level < NESTING else ())
    for level in range(1, NESTING)
) + (Group(f"Depth {NESTING:02d}", HARD, people=("olga",)),)
HARD_GROUPS = (
    Group("Loop A", HARD, groups=("Loop C",)),
    Group("Loop B", HARD, groups=("Loop A",)),
    Group("Loop C", HARD, people=("olga",), groups=("Loop B",)),
    Group("Night (Shift) & Ladders", HARD, people=("anna.quist", "luigi")),
    Group("Nobody", HARD),
    *DEPTHS,
)

ORGANISATION: Organisation = replace(
    ACME, units=(*ACME.units, HARD), people=(*ACME.people, *HARD_PEOPLE), groups=(*ACME.groups, *HARD_GROUPS)
)


def _config(kind: str, variables: dict[str, str], prefix: str) -> DirectoryConfig:
    return DirectoryConfig(
        kind=kind,
        url=variables[f"{prefix}URL"],
        ca_file=variables[f"{prefix}CA_FILE"],
        base_dn=variables[f"{prefix}BASE_DN"],
        bind_dn=variables[f"{prefix}BIND_DN"],
        bind_password=variables[f"{prefix}BIND_PASSWORD"],
        refusal_floor=0.0,
    )


@pytest.fixture(scope="session")
def slapd(tmp_path_factory):
    """A slapd that sorts for acme and not for globex, and says yes to a name without a password."""
    folder = tmp_path_factory.mktemp("slapd")
    server = OpenLdap(
        folder,
        TOOLS,
        organisations=(ORGANISATION, GLOBEX),
        sorting=("acme",),
        unauthenticated_binds=True,
        crowd=CROWD,
    )
    with running(server, folder / "logs"):
        yield server


@pytest.fixture(scope="session")
def domain_controller(tmp_path_factory):
    """A Samba Active Directory domain controller."""
    folder = tmp_path_factory.mktemp("samba")
    server = Samba(folder, VAR / "cache", organisation=ORGANISATION, crowd=AD_CROWD)
    with running(server, folder / "logs"):
        yield server


@pytest.fixture
def openldap(slapd) -> DirectoryConfig:
    """The connection of acme to a real OpenLDAP."""
    forget_breakers()
    return _config(OPENLDAP, slapd.environment(), "DEMO_DIRECTORY_")


@pytest.fixture
def openldap_globex(slapd) -> DirectoryConfig:
    """The connection of globex to the same OpenLDAP, whose server does not sort there."""
    forget_breakers()
    return _config(OPENLDAP, slapd.environment(), "GLOBEX_DIRECTORY_")


@pytest.fixture
def samba_ad(domain_controller) -> DirectoryConfig:
    """The connection of acme to a real Active Directory."""
    forget_breakers()
    return _config(AD, domain_controller.environment(), "AD_DIRECTORY_")
