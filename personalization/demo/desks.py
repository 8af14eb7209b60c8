"""The people of the demo as desktop users: those of the demo directory first, then colleagues made of two lists."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from config.identifiers import text_key
from launcher.demo_people import Organisation

_GIVEN = (
    "Agnes Alan Beata Carlos Chiara Daniel Dorota Elias Emma Farid Freya Georg Hannah Hassan Ida Ingrid Isaac Jakob "
    "Jasmin Karin Keiko Lars Laura Magda Malik Maria Mateo Nils Nora Oskar Petra Rafael Renata Sara Simon Sofia Tariq "
    "Tove Vera Walter"
)
_FAMILY = (
    "Ahmed Andersen Baker Barbosa Blanc Castro Cohen Dietrich Duarte Eriksen Fischer Fontana Garcia Gruber Hughes "
    "Ivanov Jankowski Kaya Kowalski Larsen Lopez Marin Meyer Nakamura Novotny Olsen Parker Ramos Richter Rossi Santos "
    "Schmidt Singh Sorensen Tamm Turner Vogel Weber Yilmaz Zimmermann"
)
_DEPARTMENTS = {  # NetBIOS domain -> personalization group, directory group, colleagues in acme
    "FINANCE": ("Finance", "Accounting Staff", 34),
    "SALES": ("Sales", "Field Sales", 32),
    "ENG": ("Engineering", "Engineering Staff", 34),
    "WAREHOUSE": ("Default Users", "Warehouse Staff", 26),
    "IT": ("Default Users", "IT Everyone", 8),
    "ACME": ("Default Users", "Head Office Staff", 6),
    "GLOBEX": ("Default Users", "Research Staff", 12),
}


@dataclass(frozen=True)
class Desk:
    """One desktop user: everything in the settings that is made of the person follows from here."""

    organisation: Organisation = field(repr=False)
    account: str
    name: str
    domain: str
    directory_groups: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Name of the personalization group."""
        return _DEPARTMENTS[self.domain][0]

    @property
    def mail(self) -> str:
        return f"{self.account}@{self.organisation.dns_name}"

    @property
    def sid(self) -> str:
        """A security identifier as Windows writes it: three numbers of the domain, one of the account."""
        three = [int.from_bytes(_digest(self.domain, n)[:4]) for n in range(3)]
        last = 1100 + int.from_bytes(_digest(self.domain, self.account)[:3])
        return "-".join(["S-1-5-21", *map(str, three), str(last)])

    @property
    def endpoint(self) -> str:
        kind = "NB" if self.domain in ("SALES", "ACME") else "WS"
        return f"{kind}-{self.domain[:3]}-{int.from_bytes(_digest('endpoint', self.account)[:2]) % 900 + 100}"

    def dice(self, *about: object) -> random.Random:
        """Chance that always falls the same way for this person and subject."""
        return random.Random(_digest(self.organisation.slug, self.account, *about))  # noqa: S311


def _digest(*words: object) -> bytes:
    return hashlib.sha256("/".join(map(str, words)).encode()).digest()


def desks(organisation: Organisation) -> list[Desk]:
    """Return the desktop users of a demo tenant, always the same ones in the same order."""
    known = [
        Desk(organisation, person.account, person.name, person.domain, _groups_of(organisation, person.account))
        for person in organisation.people
    ]
    return [*known, *_colleagues(organisation, {desk.account for desk in known})]


def _groups_of(organisation: Organisation, account: str) -> tuple[str, ...]:
    """Names of the directory groups a person is in, nested ones included."""
    found = {group.name for group in organisation.groups if account in group.people}
    return _with_parents(organisation, found)


def _with_parents(organisation: Organisation, names: set[str]) -> tuple[str, ...]:
    while more := {g.name for g in organisation.groups if set(g.groups) & names} - names:
        names |= more
    return tuple(sorted(names))


def _colleagues(organisation: Organisation, taken: set[str]) -> Iterator[Desk]:
    pairs = [(given, family) for given in _GIVEN.split() for family in _FAMILY.split()]
    random.Random(organisation.slug).shuffle(pairs)  # noqa: S311
    domains = [domain for domain in _DEPARTMENTS if (domain == "GLOBEX") == (organisation.slug == "globex")]
    for domain in domains:
        _group, directory_group, count = _DEPARTMENTS[domain]
        for _ in range(count):
            given, family = pairs.pop()
            account = f"{text_key(given)}.{text_key(family)}"
            if account not in taken:
                taken.add(account)
                yield Desk(
                    organisation, account, f"{given} {family}", domain, _with_parents(organisation, {directory_group})
                )
