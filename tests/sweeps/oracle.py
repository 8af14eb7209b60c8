"""Who may open what: a table of its own, which imports nothing of Roamkeep and knows its names only (spec 2, decision 24).

A verdict is one of: "sign-in", "forbidden" (403), "absent" (404), "wrong method" (405), "answered" (anything else).
"""

from dataclasses import dataclass

# --- who ------------------------------------------------------------------------------------------------------------
SUPPORT, ADMIN, PRIMARY, MEMBER = "support desk", "administrator", "primary administrator", "member"


@dataclass(frozen=True)
class Principal:
    """A person of the matrix: roles by personalization group ("finance", "sales", …), in which tenant, in what state."""

    name: str
    roles: tuple = ()  # (role, group or None)
    tenant: str | None = "acme"
    active: bool = True

    @property
    def held(self):
        return {role for role, _ in self.roles}

    @property
    def groups(self):
        return {group for _, group in self.roles}

    @property
    def administered(self):
        return {group for role, group in self.roles if role == ADMIN}


PRINCIPALS = (
    Principal("anonymous", tenant=None),
    Principal("member without an entry"),
    Principal("support desk of finance", ((SUPPORT, "finance"),)),
    Principal("support desk of sales", ((SUPPORT, "sales"),)),
    Principal("administrator of finance", ((ADMIN, "finance"),)),
    Principal("administrator of sales and support desk of finance", ((ADMIN, "sales"), (SUPPORT, "finance"))),
    Principal("primary administrator", ((PRIMARY, None),)),
    Principal("primary administrator whose membership was ended", ((PRIMARY, None),), active=False),
    Principal("primary administrator of globex", ((PRIMARY, None),), tenant="globex"),
)

# --- what -----------------------------------------------------------------------------------------------------------
EVERYBODY = "everybody"
AT_LEAST = {
    MEMBER: {MEMBER, SUPPORT, ADMIN, PRIMARY},
    SUPPORT: {SUPPORT, ADMIN, PRIMARY},
    ADMIN: {ADMIN, PRIMARY},
    PRIMARY: {PRIMARY},
}


@dataclass(frozen=True)
class Rule:
    """The least role of an address, the kind of object its id names, and whether only those who may steer it may post."""

    least: str
    kind: str | None = None
    methods: tuple = ("GET",)


GET, POST, BOTH = ("GET",), ("POST",), ("GET", "POST")
RULES = {
    "healthz": Rule(EVERYBODY),
    "readyz": Rule(EVERYBODY),
    "display": Rule(EVERYBODY, methods=POST),
    "start": Rule(EVERYBODY),
    "sign-out": Rule(EVERYBODY, methods=POST),
    "language": Rule(EVERYBODY, methods=POST),
    "sign-in": Rule(EVERYBODY, methods=BOTH),
    "account": Rule(MEMBER, methods=BOTH),
    "end-other-sessions": Rule(MEMBER, methods=POST),
    "end-session": Rule(MEMBER, methods=POST),
    "home": Rule(SUPPORT),  # a member without an entry reads there who can help, as a refusal (AC-LOG-2)
    "entry-list": Rule(PRIMARY),
    "entry-add": Rule(PRIMARY),
    "entry-browse": Rule(PRIMARY),
    "entry-create": Rule(PRIMARY, methods=BOTH),
    "entries-edit": Rule(PRIMARY, methods=POST),
    "entries-remove": Rule(PRIMARY, methods=POST),
    "why": Rule(PRIMARY),
    "entry": Rule(PRIMARY, "entry", BOTH),
    "entry-remove": Rule(PRIMARY, "entry", BOTH),
    "user-list": Rule(SUPPORT),
    "user": Rule(SUPPORT, "user"),
    "back-up": Rule(SUPPORT, "user", BOTH),
    "profile": Rule(SUPPORT, "profile"),
    "backups-delete-unprotected": Rule(SUPPORT, "profile", BOTH),
    "backup-restore": Rule(SUPPORT, "backup", BOTH),
    "change-undo": Rule(SUPPORT, "backup", POST),
    "backup-protect": Rule(SUPPORT, "backup", BOTH),
    "backup-unprotect": Rule(SUPPORT, "backup", POST),
    "backup-delete": Rule(SUPPORT, "backup", BOTH),
    "backup-bring-back": Rule(SUPPORT, "deleted backup", POST),
    "task-list": Rule(ADMIN),
    "task-panel": Rule(ADMIN),
    "task-new": Rule(ADMIN, methods=BOTH),
    "task-submit": Rule(ADMIN, methods=POST),
    "task": Rule(ADMIN, "task"),
    "task-pause": Rule(ADMIN, "own task", POST),
    "task-resume": Rule(ADMIN, "own task", POST),
    "task-start": Rule(ADMIN, "own task", POST),
    "task-cancel": Rule(ADMIN, "own task", BOTH),
    "task-retry": Rule(ADMIN, "own task", POST),
    "task-undo": Rule(ADMIN, "own task", BOTH),
    "summary": Rule(ADMIN),
    "summary-count": Rule(ADMIN, methods=POST),
    "event-list": Rule(SUPPORT),
    "event-export": Rule(SUPPORT),
    "event": Rule(SUPPORT, "event"),
}

# --- where ----------------------------------------------------------------------------------------------------------
# An object of acme in Finance, one of acme in Engineering, one of globex asked for under acme, and none at all.
TARGETS = ("finance", "engineering", "foreign", "nowhere")


def sees(principal, kind, target):
    """Say whether an object exists for a person who holds the page's role."""
    if target in ("foreign", "nowhere"):
        return False
    if PRIMARY in principal.held:
        return True
    if kind in ("task", "own task"):  # number, creator, state and progress are for all administrators (decision 13)
        return True
    if kind == "event":  # R8: events of the groups one administers; the matrix's events belong to somebody else
        return target in principal.administered
    return target in principal.groups


def verdict(principal, rule, method, target):
    """Return what the console must answer."""
    if rule.least != EVERYBODY:
        if method not in rule.methods:
            return "wrong method"
        if principal.tenant != "acme" or not principal.active:
            return "sign-in"
        if not (principal.held | {MEMBER}) & AT_LEAST[rule.least]:
            return "forbidden"
        if rule.kind and not sees(principal, rule.kind, target):
            return "absent"
        if rule.kind == "own task" and PRIMARY not in principal.held:  # the matrix's tasks belong to somebody else
            return "forbidden"
        return "answered"
    return "answered" if method in rule.methods else "wrong method"
