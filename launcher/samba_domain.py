"""Run by the system's Python, which alone has Samba's modules: makes a domain in a folder, or fills it with people.

    python3 samba_domain.py provision FOLDER < domain.json     {"realm", "domain", "password"}
    python3 samba_domain.py fill FOLDER < people.json          {"units", "people", "groups", "members", "crowd", …}

Both work offline on the folder's database files and need no running server; as an ordinary user they are run as the
root of a user namespace. Distinguished names come in finished; nothing here is part of the product.
"""

import json
import logging
import sys
from pathlib import Path

ENABLED, DISABLED = "512", "514"  # userAccountControl ([MS-ADTS] 2.2.16)
GLOBAL_SECURITY_GROUP = "-2147483646"  # groupType ([MS-ADTS] 2.2.12)


def provision(folder: Path, wanted: dict[str, str]) -> None:
    """Make a new domain; the Python call works in a user namespace, where `samba-tool domain provision` does not."""
    from samba.auth import system_session
    from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
    from samba.provision import provision as make_domain

    logging.disable(logging.CRITICAL)
    make_domain(
        logging.getLogger("provision"),
        system_session(),
        targetdir=str(folder),
        realm=wanted["realm"],
        domain=wanted["domain"],
        adminpass=wanted["password"],
        hostname="dc1",
        hostip="127.0.0.1",
        serverrole="active directory domain controller",
        dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2,
        dns_backend="NONE",
        use_rfc2307=True,
        # Extended attributes of files need rights that neither a namespace nor every file system gives.
        useeadb=True,
        skip_sysvolacl=True,
    )


def fill(folder: Path, wanted: dict) -> None:
    """Add units, people, groups, memberships and a crowd in one transaction."""
    from samba.auth import system_session
    from samba.param import LoadParm
    from samba.samdb import SamDB

    settings = LoadParm()
    settings.load(str(folder / "etc" / "smb.conf"))
    database = SamDB(url=str(folder / "private" / "sam.ldb"), session_info=system_session(), lp=settings)
    database.transaction_start()
    for dn in wanted["units"]:
        database.add({"dn": dn, "objectClass": "organizationalUnit"})
    for person in wanted["people"]:
        password = person.pop("password")
        enabled = person.pop("enabled")
        database.add(
            {
                **person,
                "objectClass": "user",
                "unicodePwd": f'"{password}"'.encode("utf-16-le"),
                "userAccountControl": ENABLED if enabled else DISABLED,
            }
        )
    for group in wanted["groups"]:
        database.add({**group, "objectClass": "group", "groupType": GLOBAL_SECURITY_GROUP})
    # Only once every group exists: groups may contain each other, in circles too.
    for dn, members in wanted["members"].items():
        lines = "".join(f"add: member\nmember: {member}\n-\n" for member in members)
        database.modify_ldif(f"dn: {dn}\nchangetype: modify\n{lines}")
    for dn, account in wanted["crowd"]:
        database.add({"dn": dn, "objectClass": "user", "sAMAccountName": account})
    domain = database.domain_dn()
    threshold = wanted["lockout_threshold"]
    database.modify_ldif(
        f"dn: {domain}\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: {threshold}\n"
    )
    database.transaction_commit()


if __name__ == "__main__":
    verb = {"provision": provision, "fill": fill}[sys.argv[1]]
    verb(Path(sys.argv[2]), json.load(sys.stdin))
