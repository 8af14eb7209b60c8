"""The database roles, databases and extensions that only a superuser may make.

Three roles log in: the owner makes tables and runs migrations (CREATEDB for the test databases), the application works
under row-level security, the operator serves `operator_context()`. None is superuser or may bypass row-level security.
`python -m launcher.roles` does it on a server of your own, from SUPERUSER_URL, SECRET_KEY and the three URLs
DATABASE_URL, DATABASE_OWNER_URL and DATABASE_OPERATOR_URL.
"""

import os
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

OWNER, APPLICATION, OPERATOR = "roamkeep_owner", "roamkeep_app", "roamkeep_operator"
DATABASE = "roamkeep"
SHORTEST = 24  # characters of a secret
EXTENSIONS = ("pg_trgm", "btree_gin", "pg_stat_statements")


def create_roles(superuser_url: str, passwords: dict[str, str]) -> None:
    """Make or update roles, database and extensions; harmless when repeated.

    `superuser_url` is a libpq URL of any database of the server; `passwords` maps each of the three roles to its own.
    """
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for role in (OWNER, APPLICATION, OPERATOR):
            exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            rights = "CREATEDB" if role == OWNER else "NOCREATEDB"
            connection.execute(
                sql.SQL(
                    "{verb} ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {rights} PASSWORD {password}"
                ).format(
                    verb=sql.SQL("ALTER" if exists else "CREATE"),
                    role=sql.Identifier(role),
                    rights=sql.SQL(rights),
                    password=sql.Literal(passwords[role]),
                )
            )
        # Test databases are made from template1, so what only a superuser may create must be there.
        _prepare_database(superuser_url, "template1")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
    _prepare_database(superuser_url, DATABASE)


def _prepare_database(superuser_url: str, name: str) -> None:
    with psycopg.connect(superuser_url, dbname=name, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        for extension in EXTENSIONS:
            connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
        # PostgreSQL 14 still lets everybody create in the schema public.
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(OWNER)))


def passwords_of(environment: dict[str, str]) -> dict[str, str]:
    """Return the password of each role out of the URL variables that Django reads."""
    urls = {OWNER: "DATABASE_OWNER_URL", APPLICATION: "DATABASE_URL", OPERATOR: "DATABASE_OPERATOR_URL"}
    return {role: unquote(urlsplit(environment[variable]).password or "") for role, variable in urls.items()}


def weaknesses(secrets: dict[str, str]) -> list[str]:
    """Return a sentence for each secret, by its name, that is too short, too uniform or the same as another."""
    found = []
    for name, value in secrets.items():
        if len(value) < SHORTEST or len(set(value)) < 8:
            found.append(f"{name} is too easy to guess: it needs {SHORTEST} random characters or more.")
        elif list(secrets.values()).count(value) > 1:
            found.append(f"{name} is also used as another secret: each needs its own.")
    return found


def main(environment: dict[str, str]) -> None:
    """Refuse weak secrets, then make the roles; run once before the migrations where others run the database."""
    passwords = passwords_of(environment)
    superuser = unquote(urlsplit(environment["SUPERUSER_URL"]).password or "")
    found = weaknesses(
        {"SECRET_KEY": environment["SECRET_KEY"], "the superuser's password": superuser}
        | {f"the password of {role}": password for role, password in passwords.items()}
    )
    if found:
        raise SystemExit("\n".join(found))
    create_roles(environment["SUPERUSER_URL"], passwords)


if __name__ == "__main__":
    main(dict(os.environ))
