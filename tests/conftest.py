"""Databases as in production: made by the owner, used by the application's role; the cast and the two tenants."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connections
from django.test import Client
from django.test.testcases import TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from psycopg.conninfo import conninfo_to_dict

from tests import factories

pytest_plugins = ["tests.directories"]  # one directory server of each kind per worker, whoever asks for it

ACCOUNTS = {
    alias: {name: database[name] for name in ("USER", "PASSWORD")} for alias, database in settings.DATABASES.items()
}
_owner = conninfo_to_dict(os.environ["DATABASE_OWNER_URL"])
OWNER = {"USER": _owner["user"], "PASSWORD": _owner["password"]}
# Playwright keeps an event loop in the tests' thread; the ORM is called beside it, never inside it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # a fresh checkout has collected nothing yet
DEEP = os.environ.get("ROAMKEEP_DEEP") == "1"


def _connect(account=None):
    """Let every connection be the owner's, or, without an account, the one its alias is meant for."""
    for alias, own in ACCOUNTS.items():
        connections[alias].close()
        connections[alias].settings_dict.update(account or own)


@contextmanager
def as_role(account):
    """Let every connection be of this account for a moment."""
    _connect(account)
    try:
        yield
    finally:
        _connect()


def as_owner():
    """Use the owner's role for a moment: it makes, flushes and drops tables; nothing of the product runs as owner."""
    return as_role(OWNER)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    _connect(OWNER)
    name = os.environ.get("ROAMKEEP_TEST_DATABASE")
    if name:
        for alias in ("default", "operator"):
            settings.DATABASES[alias].setdefault("TEST", {})["NAME"] = name


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    _connect()
    yield
    # What a worker that was killed has left is no reason to keep the database; each role may end its own alone.
    for account in (*ACCOUNTS.values(), OWNER):
        _connect(account)
        with django_db_blocker.unblock(), connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
    _connect(OWNER)


# What a database has from its migrations stays. Django's flush takes it away and builds it anew, with every privilege,
# after each test that commits, once for each connection: that was a good part of the suite's time.
_EMPTY = """
DO $body$
DECLARE
    one text;
    has_rows boolean;
    filled text[] := '{}';
BEGIN
    FOR one IN SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'
               AND tablename NOT IN ('django_migrations', 'django_content_type', 'auth_permission') LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || one || ')' INTO has_rows;
        IF has_rows THEN filled := filled || one; END IF;
    END LOOP;
    IF filled <> '{}' THEN EXECUTE 'TRUNCATE ' || array_to_string(filled, ', ') || ' CASCADE'; END IF;
END $body$
"""


def empty_tables():
    """Take away everything that was committed, as the owner: TRUNCATE ignores row-level security and belongs to no other."""
    with as_owner(), connections["default"].cursor() as cursor:
        cursor.execute(_EMPTY)


TransactionTestCase._fixture_teardown = lambda self: empty_tables()


@pytest.fixture(autouse=True)
def the_language_of_tests():
    """A request in another language leaves it behind in its thread: the next test begins in English again."""
    translation.deactivate()
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def plain_static_files(settings):
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture
def acme(db):
    """The tenant of Alice and Bob: Finance, Sales, Engineering, Default Users."""
    return factories.world("acme", "Acme Industries")


@pytest.fixture
def globex(db):
    """The tenant of Charlie, with groups of the same names."""
    return factories.world("globex", "Globex Corporation")


@pytest.fixture
def alice(acme):
    """Primary Administrator of acme."""
    return factories.member(acme, "Alice Adler", "alice", role="persops.primary_admin")


@pytest.fixture
def bob(acme):
    """Support Desk of Finance in acme."""
    return factories.member(acme, "Bob Brandt", "bob", role="persops.support_desk", groups=[acme.finance])


@pytest.fixture
def charlie(globex):
    """Primary Administrator of globex."""
    return factories.member(globex, "Charlie Chen", "charlie", role="persops.primary_admin")


@pytest.fixture
def olga(db):
    """Platform operator: a member of no tenant."""
    return factories.operator("Olga Orlova", "olga@roamkeep.example")


@pytest.fixture
def sign_in():
    """Return a function: a browser in which the member is signed in to the tenant."""

    def browser(member):
        client = Client()
        session = client.session
        session[SESSION_KEY] = str(member.user_id)
        session[BACKEND_SESSION_KEY] = "accounts.backends.SessionBackend"
        session[HASH_SESSION_KEY] = member.user.get_session_auth_hash()
        session["tenant_id"] = str(member.tenant_id)
        session.save()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
        return client

    return browser


@pytest.fixture
def query_count():
    """Return a function: how many queries a call makes."""

    def count(call):
        with CaptureQueriesContext(connections["default"]) as captured:
            call()
        return len(captured)

    return count


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Debian's Chromium; the sandbox needs rights that a container does not have."""
    return {**browser_type_launch_args, "executable_path": "/usr/bin/chromium", "args": ["--no-sandbox"]}


@pytest.fixture(scope="session")
def base_url():
    """Each test asks live_server itself; the plugin's own fixture of this name warns under pytest 9."""
    return ""
