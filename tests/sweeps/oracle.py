"""Who may open what: a table of its own, which imports nothing of Roamkeep and knows its names only (spec 2, decision 24).

A verdict is one of: "sign-in", "no key" (401), "forbidden" (403), "absent" (404), "wrong method" (405), "answered" (anything
else).
"""

from dataclasses import dataclass

# --- who ------------------------------------------------------------------------------------------------------------
SUPPORT, ADMIN, PRIMARY, MEMBER = "support desk", "administrator", "primary administrator", "member"
USER, LICENSE_ADMIN = "license user", "license admin"


@dataclass(frozen=True)
class Principal:
    """A person of the matrix: roles by personalization group ("finance", "sales", …), in which tenant, in what state.

    `places` are roles in license groups: "one" and "two" of acme, "foreign" of globex. An owner is Admin.
    """

    name: str
    roles: tuple = ()  # (role, group or None)
    tenant: str | None = "acme"
    active: bool = True
    places: tuple = ()  # (license role, license group)
    owns: str = ""  # a license group
    is_operator: bool = False

    @property
    def held(self):
        return {role for role, _ in (*self.roles, *self.places)}

    @property
    def is_signed_in(self):
        return self.tenant is not None or self.is_operator

    def holds(self, role, license_group):
        return (role, license_group) in self.places

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
    Principal("license user of one", places=((USER, "one"),)),
    Principal("license admin of one", places=((LICENSE_ADMIN, "one"),)),
    Principal("license admin and user of two", places=((LICENSE_ADMIN, "two"), (USER, "two"))),
    Principal("license owner of one", places=((LICENSE_ADMIN, "one"),), owns="one"),
    Principal(
        "license owner of a group of globex", tenant="globex", places=((LICENSE_ADMIN, "foreign"),), owns="foreign"
    ),
    Principal("platform operator", tenant=None, is_operator=True),
)

# --- what -----------------------------------------------------------------------------------------------------------
EVERYBODY = "everybody"
ACCOUNT = "a User of some license group, outside every tenant"
OPERATOR = "the platform operator; for everybody else the address does not exist"
DEVICE = "a device with its key; no browser is one, whoever is signed in there"
ANY_ROLE, TOLD, PLACED = "any role", "who may read some events", "any role in a license group"
AT_LEAST = {
    MEMBER: {MEMBER, SUPPORT, ADMIN, PRIMARY, USER, LICENSE_ADMIN},
    ANY_ROLE: {SUPPORT, ADMIN, PRIMARY, USER, LICENSE_ADMIN},
    TOLD: {SUPPORT, ADMIN, PRIMARY, LICENSE_ADMIN},
    PLACED: {USER, LICENSE_ADMIN},
    LICENSE_ADMIN: {LICENSE_ADMIN},
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
    "accounts:start": Rule(EVERYBODY),
    "sign-out": Rule(EVERYBODY, methods=POST),
    "language": Rule(EVERYBODY, methods=POST),
    "sign-in": Rule(EVERYBODY, methods=BOTH),
    "account": Rule(MEMBER, methods=BOTH),
    "end-other-sessions": Rule(MEMBER, methods=POST),
    "end-session": Rule(MEMBER, methods=POST),
    "home": Rule(ANY_ROLE),  # a member without any reads there who can help, as a refusal (AC-LOG-2)
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
    "event-list": Rule(TOLD),
    "event-export": Rule(TOLD),
    "event": Rule(TOLD, "event"),
    "licensing:start": Rule(PLACED),
    "group-list": Rule(LICENSE_ADMIN),
    "own-list": Rule(PLACED),
    "leave": Rule(PLACED, "place", BOTH),
    "group": Rule(LICENSE_ADMIN, "license group"),
    "member-list": Rule(LICENSE_ADMIN, "license group"),
    "member-add": Rule(LICENSE_ADMIN, "license group", BOTH),
    "members-edit": Rule(LICENSE_ADMIN, "license group", POST),
    "members-block": Rule(LICENSE_ADMIN, "license group", POST),
    "members-resend": Rule(LICENSE_ADMIN, "license group", POST),
    "members-remove": Rule(LICENSE_ADMIN, "license group", POST),
    "member-edit": Rule(LICENSE_ADMIN, "license member", BOTH),
    "member-block": Rule(LICENSE_ADMIN, "license member", BOTH),
    "member-resend": Rule(LICENSE_ADMIN, "license member", BOTH),
    "member-remove": Rule(LICENSE_ADMIN, "license member", BOTH),
    "block-list": Rule(LICENSE_ADMIN, "license group"),
    "block-add": Rule(LICENSE_ADMIN, "license group", BOTH),
    "blocks-remove": Rule(LICENSE_ADMIN, "license group", POST),
    "block-remove": Rule(LICENSE_ADMIN, "license block", BOTH),
    "device-list": Rule(LICENSE_ADMIN, "license group"),
    "device-add": Rule(LICENSE_ADMIN, "license group", BOTH),
    "devices-remove": Rule(LICENSE_ADMIN, "license group", POST),
    "device-renew": Rule(LICENSE_ADMIN, "license device", BOTH),
    "device-remove": Rule(LICENSE_ADMIN, "license device", BOTH),
    "device-enrol": Rule(EVERYBODY, methods=POST),  # login and password come with it
    "device-sign-in": Rule(DEVICE, methods=POST),
    "device-active-panel": Rule(DEVICE),
    "device-panel-list": Rule(DEVICE, methods=BOTH),
    "device-panel": Rule(DEVICE, "panel", ("GET", "PUT", "DELETE")),
    "device-panel-activate": Rule(DEVICE, "panel", POST),
    "licences": Rule(LICENSE_ADMIN, "license group"),
    "settings": Rule(LICENSE_ADMIN, "license group", BOTH),
    "domain-set": Rule(LICENSE_ADMIN, "license group", POST),
    "domain-remove": Rule(LICENSE_ADMIN, "license group", BOTH),
    "invitation": Rule(EVERYBODY, "another's invitation", BOTH),
    # whoever holds the link may decline
    "invitation-decline": Rule(EVERYBODY, "invitation link", POST),
    "domain-confirm": Rule(EVERYBODY, "domain link", BOTH),
    "license-group-list": Rule(OPERATOR),
    "license-group-add": Rule(OPERATOR, "organisation", BOTH),
    "license-group": Rule(OPERATOR, "bought group", BOTH),
    "license-group-transfer": Rule(OPERATOR, "bought group", BOTH),
    "panel-list": Rule(ACCOUNT),
    "panel-add": Rule(ACCOUNT, methods=BOTH),
    "panel-import": Rule(ACCOUNT, methods=BOTH),
    "panel-bring-back": Rule(ACCOUNT, methods=POST),
    "panel-schema": Rule(EVERYBODY),
    "panel": Rule(ACCOUNT, "panel", BOTH),
    "panel-rename": Rule(ACCOUNT, "panel", BOTH),
    "panel-activate": Rule(ACCOUNT, "panel", POST),
    "panel-deactivate": Rule(ACCOUNT, "panel", POST),
    "panel-delete": Rule(ACCOUNT, "panel", BOTH),
    "panel-export": Rule(ACCOUNT, "panel"),
}

# --- where ----------------------------------------------------------------------------------------------------------
# An object of acme in Finance, one of acme in Engineering, one of globex asked for under acme, and none at all.
TARGETS = ("finance", "engineering", "foreign", "nowhere")
# The same with license groups: "crossed" is an object of "two" below the address of "one" (of globex below acme's).
LICENSE_TARGETS = ("one", "two", "crossed", "foreign", "nowhere")
LICENSE_KINDS = ("license group", "license member", "license block", "license device")


def targets_of(rule):
    """Return the targets to ask an address for."""
    if rule.kind is None:
        return ("none",)
    licensing = (
        *LICENSE_KINDS,
        "place",
        "panel",
        "organisation",
        "bought group",
        "invitation link",
        "another's invitation",
        "domain link",
    )
    return LICENSE_TARGETS if rule.kind in licensing else TARGETS


def sees(principal, kind, target):
    """Say whether an object exists for a person who holds the page's role."""
    if target in ("crossed", "nowhere"):
        return False
    if kind == "panel":  # of the account, whichever organisation its place is in; Admins own none
        return principal.holds(USER, target)
    if kind in ("organisation", "bought group"):
        return principal.is_operator
    if target == "foreign":
        return False
    if kind in LICENSE_KINDS:  # no other role opens a license group: not the Primary Administrator's either (UM-E4)
        return principal.holds(LICENSE_ADMIN, target)
    if kind == "place":
        return principal.holds(LICENSE_ADMIN, target) or principal.holds(USER, target)
    if PRIMARY in principal.held:
        return True
    if kind in ("task", "own task"):  # number, creator, state and progress are for all administrators (decision 13)
        return True
    if kind == "event":  # R8: events of the groups one administers; the matrix's events belong to somebody else
        return target in principal.administered
    return target in principal.groups


def verdict(principal, rule, method, target):
    """Return what the console must answer."""
    if method not in rule.methods:
        return "wrong method"
    if rule.least == DEVICE:
        return "no key"
    if rule.least == EVERYBODY:
        # A live link is accepted by whoever has the invited address: nobody of the matrix has (LG-70).
        own_session = principal.tenant == "acme" and method == "POST" and target in ("one", "two")
        return "forbidden" if rule.kind == "another's invitation" and own_session else "answered"
    if rule.least == OPERATOR:
        found = principal.is_operator and (rule.kind is None or sees(principal, rule.kind, target))
        return "answered" if found else "absent"
    if rule.least == ACCOUNT:
        if not principal.is_signed_in:
            return "sign-in"
        if USER not in principal.held:
            return "forbidden"
        return "answered" if rule.kind is None or sees(principal, rule.kind, target) else "absent"
    if principal.tenant != "acme" or not principal.active:
        return "sign-in"
    if not (principal.held | {MEMBER}) & AT_LEAST[rule.least]:
        return "forbidden"
    if rule.kind and not sees(principal, rule.kind, target):
        return "absent"
    if rule.kind == "own task" and PRIMARY not in principal.held:  # the matrix's tasks belong to somebody else
        return "forbidden"
    return "answered"
