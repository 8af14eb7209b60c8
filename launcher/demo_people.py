"""The people, groups and organisational units of the demo directories, and how they are written as LDIF.

Pure data and standard library, the same on every machine: the demo directory serves it, the demo loader gives the same
people managed settings, and the Samba domain of the tests is filled from the same shapes.
"""

import base64
import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

NAMESPACE = uuid.UUID("6f1d3c52-6a0e-5b8e-9d47-0b5a7c1e2f30")
DEMO_PASSWORD = "Roamkeep-Demo-1"
SERVICE_ACCOUNT = "roamkeep"
SERVICE_PASSWORD = "Roamkeep-Service-1"

Unit = tuple[str, ...]
"""An organisational unit by its path from the top, such as ("Finance", "Accounting"); () is the top itself."""


@dataclass(frozen=True)
class Person:
    """One account. `domain` is the NetBIOS name before the backslash, as in FINANCE\\olivia."""

    account: str
    name: str
    unit: Unit
    domain: str
    mail: str
    title: str = ""
    password: str = DEMO_PASSWORD
    enabled: bool = True
    expires: str = ""  # accountExpires: intervals of 100 ns since 1601; empty for never

    @property
    def given_name(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def surname(self) -> str:
        return self.name.partition(" ")[2] or self.name


@dataclass(frozen=True)
class Group:
    """One security group; `people` are accounts, `groups` the names of groups nested in it."""

    name: str
    unit: Unit
    people: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Organisation:
    """What one tenant's directory holds below the suffix that its DNS name spells."""

    slug: str
    name: str
    dns_name: str
    domain: str
    units: tuple[Unit, ...]
    people: tuple[Person, ...]
    groups: tuple[Group, ...]

    @property
    def base_dn(self) -> str:
        return ",".join(f"dc={label}" for label in self.dns_name.split("."))

    @property
    def service_dn(self) -> str:
        return f"cn={SERVICE_ACCOUNT},{self.base_dn}"

    def unit_dn(self, unit: Unit) -> str:
        return ",".join([*(f"ou={escape_dn(name)}" for name in reversed(unit)), self.base_dn])

    def person_dn(self, person: Person) -> str:
        return f"cn={escape_dn(person.name)},{self.unit_dn(person.unit)}"

    def group_dn(self, group: Group) -> str:
        return f"cn={escape_dn(group.name)},{self.unit_dn(group.unit)}"


# -- acme ------------------------------------------------------------------------------------------------------------

_ACME_STAFF: tuple[tuple[Unit, str, str, str], ...] = (
    # unit, NetBIOS domain, title, people
    (("Head Office", "Management"), "ACME", "Manager", "Alice Adler, Henrik Lund, Noor van Dijk, Samuel Ortega"),
    (("Head Office", "Human Resources"), "ACME", "HR Partner", "Greta Holm, Imani Wood, Pavel Kučera, Rosa Lindqvist"),
    (
        ("Finance", "Accounting"),
        "FINANCE",
        "Accountant",
        "Joan Abbott, Johan Beck, John Carver, Olivia Okafor, Tomás Vega, Ulrike Weiß, Wanda Nowak",
    ),
    (("Finance", "Controlling"), "FINANCE", "Controller", "Josefine Krüger, Kenji Mori, Leila Haddad, Marcus Thorne"),
    (
        ("Sales", "Inside Sales"),
        "SALES",
        "Sales Representative",
        "Anton Berg, Beatriz Lima, Cora Quinn, Jonas Frey, Mei Tanaka",
    ),
    (("Sales", "Field Sales", "North"), "SALES", "Account Manager", "Aino Virtanen, Erik Dahl, Joyce Palmer, Sven Ek"),
    (
        ("Sales", "Field Sales", "South"),
        "SALES",
        "Account Manager",
        "Bruno Ricci, Elena Costa, Luca Moretti, Zoë Laurent",
    ),
    (
        ("Engineering", "Development"),
        "ENG",
        "Software Engineer",
        "Amara Diallo, Dmitri Volkov, Hana Suzuki, Jürgen Müller, Łukasz Zając, Priya Raman, Theo Grant, Yusuf Demir",
    ),
    (("Engineering", "Quality"), "ENG", "Test Engineer", "Frida Nilsson, Gabriel Stone, Nadia Petrova, Owen Price"),
    (
        ("IT", "Helpdesk"),
        "IT",
        "Support Specialist",
        "Bob Brandt, Carla Mendes, Ivan Horvat, Kim Nguyen, Paula Reyes, Stefan Wolf",
    ),
    (("IT", "Operations"), "IT", "System Administrator", "Diana Doyle, Felix Bauer, Omar Saleh, Viktor Hansen"),
    (
        ("Warehouse", "Day Shift"),
        "WAREHOUSE",
        "Warehouse Clerk",
        "Adam Kowal, Edith Franke, Hugo Silva, Nina Jansen",
    ),
    (("Warehouse", "Night Shift"), "WAREHOUSE", "Warehouse Clerk", "Igor Popov, Marta Soler, Peter Falk"),
)
# People who sign in during a demonstration have short names to type.
_SHORT = {
    "Alice Adler": "alice",
    "Bob Brandt": "bob",
    "Diana Doyle": "diana",
    "Frida Nilsson": "frida",
    "Charlie Chen": "charlie",
}
_LEFT_THE_COMPANY = {"Viktor Hansen"}


def _account(name: str) -> str:
    """Return the account of a demo name: its short one, or first and last name in plain letters.

    >>> _account("Jürgen Müller")
    'jurgen.muller'
    """
    if name in _SHORT:
        return _SHORT[name]
    plain = name.lower().translate(str.maketrans("áąćčéëłłñóöřšüúýžäåøíě", "aacceellnoorsuuyzaaoie", "'"))
    return plain.replace("ß", "ss").replace(" ", ".")


def _hire(staff: tuple[tuple[Unit, str, str, str], ...], dns_name: str) -> tuple[Person, ...]:
    return tuple(
        Person(
            account=_account(name),
            name=name,
            unit=unit,
            domain=domain,
            mail=f"{_account(name)}@{dns_name}",
            title=title,
            enabled=name not in _LEFT_THE_COMPANY,
        )
        for unit, domain, title, names in staff
        for name in names.split(", ")
    )


def _accounts(people: tuple[Person, ...], *units: Unit) -> tuple[str, ...]:
    return tuple(person.account for person in people if any(person.unit[: len(unit)] == unit for unit in units))


def _with_parents(units: list[Unit]) -> tuple[Unit, ...]:
    return tuple(dict.fromkeys(unit[:depth] for unit in units for depth in range(1, len(unit) + 1)))


_ACME_PEOPLE = _hire(_ACME_STAFF, "acme.test")
_DEPARTMENTS: Unit = ("Groups", "Departments")
_HELPDESK: Unit = ("Groups", "Helpdesk")
_ROLES: Unit = ("Groups", "Roles")

ACME = Organisation(
    slug="acme",
    name="Acme Industries",
    dns_name="acme.test",
    domain="ACME",
    units=_with_parents([*(unit for unit, *_ in _ACME_STAFF), _DEPARTMENTS, _HELPDESK, _ROLES]),
    people=_ACME_PEOPLE,
    groups=(
        Group("Accounting Staff", _DEPARTMENTS, _accounts(_ACME_PEOPLE, ("Finance", "Accounting"))),
        Group("Controlling Staff", _DEPARTMENTS, _accounts(_ACME_PEOPLE, ("Finance", "Controlling"))),
        Group("Finance Staff", _DEPARTMENTS, groups=("Accounting Staff", "Controlling Staff")),
        Group("Field Sales", _DEPARTMENTS, _accounts(_ACME_PEOPLE, ("Sales", "Field Sales"))),
        Group("Sales Staff", _DEPARTMENTS, _accounts(_ACME_PEOPLE, ("Sales", "Inside Sales")), ("Field Sales",)),
        Group("Engineering Staff", _DEPARTMENTS, _accounts(_ACME_PEOPLE, ("Engineering",))),
        Group("Warehouse Staff", _DEPARTMENTS, _accounts(_ACME_PEOPLE, ("Warehouse",))),
        Group("Head Office Staff", _DEPARTMENTS, _accounts(_ACME_PEOPLE, ("Head Office",))),
        Group(
            "All Employees",
            _DEPARTMENTS,
            groups=(
                "Finance Staff",
                "Sales Staff",
                "Engineering Staff",
                "Warehouse Staff",
                "Head Office Staff",
                "IT Everyone",
            ),
        ),
        Group("Helpdesk Finance", _HELPDESK, ("bob", "carla.mendes"), description="Helps Finance and Controlling"),
        Group("Helpdesk Sales", _HELPDESK, ("ivan.horvat", "kim.nguyen"), description="Helps Sales"),
        Group("Helpdesk Engineering", _HELPDESK, ("paula.reyes", "stefan.wolf"), description="Helps Engineering"),
        Group(
            "Helpdesk All",
            _HELPDESK,
            groups=("Helpdesk Finance", "Helpdesk Sales", "Helpdesk Engineering"),
            description="Everyone who answers the phone",
        ),
        Group(
            "IT Everyone",
            _HELPDESK,
            _accounts(_ACME_PEOPLE, ("IT", "Operations")),
            ("Helpdesk All",),
            description="Helpdesk and Operations",
        ),
        Group("Roamkeep Primary Administrators", _ROLES, ("alice",), description="Run Roamkeep for the company"),
        Group("Roamkeep Administrators", _ROLES, ("diana", "felix.bauer"), description="Administer settings"),
        Group("Roamkeep Support Desk", _ROLES, groups=("Helpdesk All",), description="Restore single users"),
    ),
)

# -- globex ----------------------------------------------------------------------------------------------------------

_GLOBEX_STAFF: tuple[tuple[Unit, str, str, str], ...] = (
    (("Head Office",), "GLOBEX", "Manager", "Charlie Chen, Astrid Bloom, Victor Hale"),
    (("Research",), "GLOBEX", "Researcher", "Ada Novak, Ben Osei, Clara Dunn, Enzo Ferri, Ruth Keller"),
    (("IT",), "GLOBEX", "System Administrator", "Dina Rahal, Max Stein"),
    (("Sales",), "GLOBEX", "Sales Representative", "Lina Marsh, Joel Park"),
)
_GLOBEX_PEOPLE = _hire(_GLOBEX_STAFF, "globex.test")

GLOBEX = Organisation(
    slug="globex",
    name="Globex Corporation",
    dns_name="globex.test",
    domain="GLOBEX",
    units=_with_parents([*(unit for unit, *_ in _GLOBEX_STAFF), ("Groups",)]),
    people=_GLOBEX_PEOPLE,
    groups=(
        Group("Research Staff", ("Groups",), _accounts(_GLOBEX_PEOPLE, ("Research",))),
        Group("IT Staff", ("Groups",), _accounts(_GLOBEX_PEOPLE, ("IT",))),
        Group("Helpdesk All", ("Groups",), groups=("IT Staff",), description="Everyone who answers the phone"),
        Group("Roamkeep Primary Administrators", ("Groups",), ("charlie",), description="Run Roamkeep"),
    ),
)

ORGANISATIONS = (ACME, GLOBEX)
PEOPLE: dict[str, tuple[Person, ...]] = {organisation.slug: organisation.people for organisation in ORGANISATIONS}
"""The people by tenant, for whoever gives them managed settings: names, NetBIOS domains and units agree everywhere."""


def demo_sign_ins() -> list[tuple[str, str, str, str]]:
    """Return (tenant, login, password, what this person shows) for the sign-ins that `up` prints."""
    return [
        ("acme", "alice", DEMO_PASSWORD, "Primary Administrator; owner of one license group and Admin of another"),
        ("acme", "diana", DEMO_PASSWORD, "Administrator, by Roamkeep Administrators; owner of a license group"),
        (
            "acme",
            "bob",
            DEMO_PASSWORD,
            "Support Desk, by Helpdesk Finance, nested in Helpdesk All; User of a license group",
        ),
        ("acme", "frida", DEMO_PASSWORD, "Signs in but has no entry: a page says who can help"),
        ("globex", "charlie", DEMO_PASSWORD, "Primary Administrator of another tenant, which sees nothing of acme"),
    ]


OPERATOR = ("olga", "Olga Orlova")  # login and name; of no directory


def local_sign_ins() -> list[tuple[str, str, str, str]]:
    """Return the sign-ins of the demo that no directory knows, as `demo_sign_ins` does."""
    return [
        ("acme", OPERATOR[0], DEMO_PASSWORD, "Platform operator: license groups of all organisations, at /operator/")
    ]


# -- LDIF ------------------------------------------------------------------------------------------------------------

_DISABLED, _ENABLED = "514", "512"  # userAccountControl: NORMAL_ACCOUNT with and without ACCOUNTDISABLE ([MS-ADTS])


def ldif(organisation: Organisation) -> str:
    """Return the whole directory of an organisation as LDIF (RFC 2849) for slapadd, parents first.

    slapadd runs no overlay, so each entry carries its memberOf values; entryUUID depends on tenant and account alone.
    """
    return "".join(_records(organisation))


CROWD: Unit = ("Crowd",)


def crowd(organisation: Organisation, count: int) -> list[tuple[str, str]]:
    """Return (distinguished name, account) of this many people of one unit, for tests at size, in shuffled order.

    They are Person 00000 with the account p00000, and so on.
    """
    # A step coprime to the count visits every number once, far from in order.
    step = next(prime for prime in (7919, 7907, 1) if prime == 1 or count % prime)
    numbers = (position * step % count for position in range(count))
    unit = organisation.unit_dn(CROWD)
    return [(f"cn=Person {number:05d},{unit}", f"p{number:05d}") for number in numbers]


def crowd_ldif(organisation: Organisation, count: int) -> str:
    """Return the crowd and its unit as LDIF; empty for a count of 0."""
    if not count:
        return ""
    unit = record(organisation.unit_dn(CROWD), {"objectClass": ["organizationalUnit"], "ou": CROWD[-1]})
    return unit + "".join(
        record(dn, {"objectClass": ["user"], "cn": dn[3:15], "sn": "Person", "sAMAccountName": account})
        for dn, account in crowd(organisation, count)
    )


def record(dn: str, attributes: dict[str, str | list[str]]) -> str:
    """Return one LDIF record; values that are not plain ASCII are written in base64."""
    lines = [_line("dn", dn)]
    for name, values in attributes.items():
        lines += [_line(name, value) for value in ([values] if isinstance(values, str) else values) if value]
    return "\n".join(lines) + "\n\n"


def identity(organisation: Organisation, kind: str, name: str) -> str:
    """Return the entryUUID of an object: it survives renames of units, and every machine has the same."""
    return str(uuid.uuid5(NAMESPACE, f"{organisation.slug}/{kind}/{name}"))


def escape_dn(value: str) -> str:
    """Return a value as it stands in a distinguished name (RFC 4514 section 2.4)."""
    last = len(value) - 1
    return "".join(
        "\\" + character
        if character in '\\,+"<>;=' or (place == 0 and character in " #") or (place == last and character == " ")
        else character
        for place, character in enumerate(value)
    ).replace("\0", "\\00")


def _records(organisation: Organisation) -> Iterator[str]:
    yield record(
        organisation.base_dn,
        {
            "objectClass": ["domain"],
            "dc": organisation.dns_name.partition(".")[0],
            "entryUUID": identity(organisation, "domain", ""),
        },
    )
    yield record(
        organisation.service_dn,
        {
            "objectClass": ["organizationalRole", "simpleSecurityObject"],
            "cn": SERVICE_ACCOUNT,
            "userPassword": _hashed(SERVICE_PASSWORD, salt=organisation.slug),
            "description": "Reads the directory for Roamkeep",
        },
    )
    for unit in organisation.units:
        yield record(
            organisation.unit_dn(unit),
            {
                "objectClass": ["organizationalUnit"],
                "ou": unit[-1],
                "entryUUID": identity(organisation, "unit", "/".join(unit)),
            },
        )
    people = {person.account: organisation.person_dn(person) for person in organisation.people}
    groups = {group.name: organisation.group_dn(group) for group in organisation.groups}
    for person in organisation.people:
        yield record(
            people[person.account],
            {
                "objectClass": ["user"],
                "cn": person.name,
                "sn": person.surname,
                "givenName": person.given_name,
                "displayName": person.name,
                "sAMAccountName": person.account,
                "uid": person.account,
                "userPrincipalName": f"{person.account}@{organisation.dns_name}",
                "msDS-PrincipalName": f"{person.domain}\\{person.account}",
                "userAccountControl": _ENABLED if person.enabled else _DISABLED,
                "accountExpires": person.expires,
                "mail": person.mail,
                "title": person.title,
                "userPassword": _hashed(person.password, salt=person.account),
                "entryUUID": identity(organisation, "user", person.account),
                "memberOf": [organisation.group_dn(g) for g in organisation.groups if person.account in g.people],
            },
        )
    for group in organisation.groups:
        yield record(
            groups[group.name],
            {
                "objectClass": ["group"],
                "cn": group.name,
                "sAMAccountName": group.name,
                "description": group.description,
                "member": [*(people[account] for account in group.people), *(groups[name] for name in group.groups)],
                "entryUUID": identity(organisation, "group", group.name),
                "memberOf": [organisation.group_dn(g) for g in organisation.groups if group.name in g.groups],
            },
        )


def _line(name: str, value: str) -> str:
    """Return an attribute line; SAFE-STRING of RFC 2849 stays readable, the rest becomes base64."""
    is_safe = all(" " <= character <= "~" for character in value) and not value.startswith((" ", ":", "<"))
    if is_safe and not value.endswith(" "):
        return f"{name}: {value}"
    return f"{name}:: {base64.b64encode(value.encode()).decode()}"


def _hashed(password: str, *, salt: str) -> str:
    """Return an {SSHA} value; the salt is fixed so that the LDIF is, which only public demo passwords can afford."""
    grain = hashlib.sha256(salt.encode()).digest()[:8]
    digest = hashlib.sha1(password.encode() + grain).digest()  # noqa: S324 - {SSHA} is what slapd reads without a module
    return "{SSHA}" + base64.b64encode(digest + grain).decode()
