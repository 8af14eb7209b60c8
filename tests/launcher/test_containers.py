import re

import pytest

from launcher.folders import ROOT
from launcher.roles import main, weaknesses

COMPOSE = (ROOT / "docker-compose.yml").read_text()
SECRETS = (
    "SECRET_KEY",
    "POSTGRES_PASSWORD",
    "DATABASE_APP_PASSWORD",
    "DATABASE_OPERATOR_PASSWORD",
    "DATABASE_OWNER_PASSWORD",
    "VALKEY_PASSWORD",
)


@pytest.mark.parametrize("name", [*SECRETS, "PUBLIC_URL", "EMAIL_URL"])
def test_compose_stops_with_a_sentence_when_a_value_is_missing(name):
    assert re.search(rf"\$\{{{name}:\?set {name} in \.env", COMPOSE)
    assert not re.search(rf"\$\{{{name}:?-", COMPOSE), "a default would be used in silence"


def test_only_the_migration_knows_the_superuser_and_the_owner():
    text = COMPOSE.split("\nservices:")[1].split("\nnetworks:")[0]
    services = dict(re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", text, re.MULTILINE))
    assert [name for name, text in services.items() if "DATABASE_OWNER" in text] == ["migrate"]
    assert sorted(name for name, text in services.items() if "POSTGRES_PASSWORD" in text) == ["database", "migrate"]
    assert set(services) == {"database", "queue", "migrate", "web", "worker", "beat"}


def test_only_the_web_server_is_published_and_only_on_loopback():
    assert re.findall(r"ports: (.*)", COMPOSE) == ['["127.0.0.1:${PORT:-8000}:8000"]']


def test_the_image_holds_no_secret_and_runs_as_an_ordinary_user():
    image = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"^(ENV|ARG) .*(SECRET|PASSWORD|DATABASE_URL)", image, re.MULTILINE)
    assert image.index("USER roamkeep") < image.index("CMD [")
    assert {".git", "var", ".venv"} <= set((ROOT / ".dockerignore").read_text().split())


GOOD = {name: f"{number}f3a9c07b5e2d81640{number}b7c9e1d3" for number, name in enumerate(SECRETS)}


def test_good_secrets_pass():
    assert weaknesses(GOOD) == []


@pytest.mark.parametrize("weak", ["", "changeme", "postgres", "roamkeep", "a" * 64])
def test_a_default_or_short_secret_is_refused_by_name(weak):
    (sentence,) = weaknesses(GOOD | {"SECRET_KEY": weak})
    assert sentence.startswith("SECRET_KEY is too easy to guess")
    assert weak not in sentence or not weak


def test_a_secret_used_twice_is_refused():
    found = weaknesses(GOOD | {"SECRET_KEY": GOOD["VALKEY_PASSWORD"]})
    assert [sentence.split()[0] for sentence in found] == ["SECRET_KEY", "VALKEY_PASSWORD"]


def test_roles_are_not_made_with_weak_passwords():
    weak = {f"DATABASE_{name}URL": "postgres://role:changeme@database/roamkeep" for name in ("", "OWNER_", "OPERATOR_")}
    weak |= {"SUPERUSER_URL": "postgres://postgres:postgres@nowhere.invalid/postgres", "SECRET_KEY": "changeme"}
    with pytest.raises(SystemExit) as stop:
        main(weak)
    assert str(stop.value).count("too easy to guess") == 5
    assert "changeme" not in str(stop.value)
