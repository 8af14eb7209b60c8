import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from launcher import postgres as postgres_service
from launcher import roles
from launcher.postgres import Postgres
from launcher.service import LauncherError, running, start, wait_ready
from tests.launcher.conftest import data_folder, kill, lives


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with data_folder(tmp_path_factory.mktemp("postgres")) as folder:
        yield folder


def cluster_of(folder):
    return Postgres(folder.path / "postgres", folder.create_sockets(), folder.secrets(), durable=False)


@pytest.fixture(scope="module")
def cluster(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PG_BIN", raising=False)
        with running(cluster_of(folder), folder.logs) as cluster:
            yield cluster


def ask(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchone()


def test_each_role_signs_in_by_its_password_alone(cluster):
    for name, url in cluster.environment().items():
        role = url.split("//")[1].split(":")[0]
        assert ask(url, "SELECT current_user, current_database()") == (role, "roamkeep"), name
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url.replace(f"{role}:", f"{role}:x"))


def test_not_even_the_superuser_is_trusted_on_the_socket(cluster):
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=str(cluster.sockets), user="postgres", dbname="postgres")


@pytest.mark.parametrize(
    ("role", "makes_databases"),
    [(roles.OWNER, True), (roles.APPLICATION, False), (roles.OPERATOR, False)],
)
def test_no_role_escapes_row_level_security(cluster, role, makes_databases):
    rights = ask(
        cluster.url("postgres"),
        f"SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = '{role}'",
    )
    assert rights == (False, False, False, makes_databases)


def test_only_the_owner_makes_tables(cluster):
    for role in (roles.APPLICATION, roles.OPERATOR):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(cluster.url(role), "CREATE TABLE stray ()")


def test_a_test_database_made_by_the_owner_has_the_extensions(cluster):
    with psycopg.connect(cluster.url(roles.OWNER), autocommit=True) as owner:
        owner.execute("CREATE DATABASE test_extensions")
        found = ask(cluster.url(roles.OWNER, database="test_extensions"), "SELECT array_agg(extname) FROM pg_extension")
        assert set(roles.EXTENSIONS) <= set(found[0])
        owner.execute("DROP DATABASE test_extensions")


def test_it_listens_on_no_tcp_port_and_its_socket_is_private(cluster):
    assert ask(cluster.url("postgres"), "SHOW listen_addresses") == ("",)
    assert (cluster.sockets / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700
    assert cluster.sockets.stat().st_mode & 0o777 == 0o700


def test_its_log_never_repeats_a_statement_or_a_value(cluster, folder):
    with psycopg.connect(cluster.url(roles.OWNER), autocommit=True) as owner:
        owner.execute("CREATE TABLE mail (address text PRIMARY KEY)")
        owner.execute("INSERT INTO mail VALUES ('canary@example.test')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            owner.execute("INSERT INTO mail VALUES ('canary@example.test')")
        owner.execute("DROP TABLE mail")
    log = (folder.logs / "postgres.log").read_text()
    assert "duplicate key value" in log
    assert "canary" not in log


def test_no_password_is_in_the_process_list(cluster, folder):
    secrets = folder.secrets().values()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_text(errors="replace")
        except OSError:
            continue
        assert not any(secret in line for secret in secrets)


def test_the_roles_of_a_foreign_server_come_out_of_the_variables(cluster):
    values = cluster.environment()
    assert roles.passwords_of(values) == {
        role: cluster.passwords[role] for role in (roles.OWNER, roles.APPLICATION, roles.OPERATOR)
    }
    roles.create_roles(cluster.url("postgres"), roles.passwords_of(values))
    assert ask(values["DATABASE_URL"], "SELECT 1") == (1,)


@pytest.fixture
def own_folder(tmp_path):
    with data_folder(tmp_path) as folder:
        yield folder


def test_data_survives_kill_9_and_a_stale_pid_file(own_folder):
    cluster = cluster_of(own_folder)
    cluster.durable = True
    cluster.prepare()
    started = start(cluster, own_folder.logs)
    wait_ready(started)
    with psycopg.connect(cluster.url(roles.OWNER), autocommit=True) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    kill(started.pid)
    assert started.stop() == -signal.SIGKILL
    # The process id of the dead server belongs to something else by now.
    pid_file = own_folder.path / "postgres" / "postmaster.pid"
    with subprocess.Popen(["sleep", "60"]) as other:
        pid_file.write_text(pid_file.read_text().replace(str(started.pid), str(other.pid), 1))
        with running(cluster_of(own_folder), own_folder.logs) as again:
            assert ask(again.url(roles.OWNER), "SELECT answer FROM kept") == (42,)
        other.kill()
    assert not lives(started.pid)


def test_a_cluster_of_another_version_is_refused_with_what_to_do(own_folder):
    (own_folder.path / "postgres").mkdir()
    (own_folder.path / "postgres" / "PG_VERSION").write_text("13\n")
    with pytest.raises(LauncherError, match="made by PostgreSQL 13 and the binaries are version .*: start with PG_BIN"):
        cluster_of(own_folder).prepare()


def test_pg_bin_replaces_the_binaries_and_must_hold_some(monkeypatch, tmp_path):
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(LauncherError, match=f"There is no PostgreSQL in {tmp_path}; check PG_BIN"):
        postgres_service.find_binaries()
    (tmp_path / "postgres").touch()
    assert postgres_service.find_binaries() == tmp_path


@pytest.fixture
def shared(monkeypatch):
    """A folder that everybody can reach, in place of /var/lib/roamkeep."""
    folder = Path(tempfile.mkdtemp(prefix="roamkeep-shared-", dir="/var/tmp"))
    folder.chmod(0o755)
    monkeypatch.setattr(postgres_service, "SHARED", folder)
    yield folder
    shutil.rmtree(folder)


def test_root_without_user_namespaces_runs_it_as_nobody(own_folder, shared, monkeypatch):
    monkeypatch.setattr(postgres_service, "USER_NAMESPACE", ["false"])
    with running(cluster_of(own_folder), own_folder.logs) as cluster:
        assert ask(cluster.url(roles.APPLICATION), "SELECT 1") == (1,)
        postmaster = int((cluster.directory / "postmaster.pid").read_text().split()[0])
        user = pwd.getpwuid(Path(f"/proc/{postmaster}").stat().st_uid).pw_name
        assert user == ("nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
        # Whoever it runs as: nobody else may enter its folders.
        assert cluster.directory.stat().st_mode & 0o077 == cluster.sockets.stat().st_mode & 0o077 == 0
