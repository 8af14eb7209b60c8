"""The house: which room may import which, one way per thing, no room without a name."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ["audit", "accounts", "roles", "licensing", "personalization"]  # each may import those before it
ROOMS = [
    "models",
    "access",
    "actions",
    "forms",
    "lists",
    "tasks",
    "views",
    "urls",
]  # each imports only from those above
FORBIDDEN_NAMES = {"utils", "core", "common", "helpers", "misc", "base"}
MODULES = sorted(
    path for folder in ["config", *APPS] for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
)


def imports(path):
    """Return (module, line) of every import of a file, in functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.module, node.lineno


def relative(path):
    return path.relative_to(ROOT)


def test_apps_import_only_those_to_their_left():
    wrong = []
    for path in MODULES:
        app = relative(path).parts[0]
        if relative(path).as_posix() in ("config/urls.py",):
            continue
        allowed = [] if app == "config" else APPS[: APPS.index(app) + 1]
        if "management" in path.parts:
            allowed = APPS  # a server command may call every app
        wrong += [
            f"{relative(path)}:{line} imports {module}"
            for module, line in imports(path)
            if module.split(".")[0] in APPS and module.split(".")[0] not in allowed
        ]
    assert wrong == []


def test_rooms_of_an_app_import_only_from_those_above():
    wrong = []
    for path in MODULES:
        parts = relative(path).with_suffix("").parts
        if parts[0] == "config" or len(parts) < 2 or parts[1] not in ROOMS:
            continue
        below = ROOMS[ROOMS.index(parts[1]) + 1 :]
        wrong += [
            f"{relative(path)}:{line} imports {module}"
            for module, line in imports(path)
            if module.split(".")[0] == parts[0] and len(module.split(".")) > 1 and module.split(".")[1] in below
        ]
    assert wrong == []


def test_no_room_is_without_a_name():
    assert [str(relative(path)) for path in MODULES if path.stem in FORBIDDEN_NAMES] == []


def test_no_file_has_outgrown_its_room():
    product = [*MODULES, *(ROOT / "launcher").rglob("*.py")]
    long = [path for path in product if len(path.read_text(encoding="utf-8").splitlines()) > 450]
    long += [
        path for path in (ROOT / "tests").rglob("*.py") if len(path.read_text(encoding="utf-8").splitlines()) > 600
    ]
    assert [str(relative(path)) for path in long] == []


@pytest.mark.parametrize(
    ("library", "room"),
    [
        ("ldap", "accounts/directory"),
        ("django_auth_ldap", "accounts/directory"),
        ("guardian.shortcuts", "roles/grants.py"),
    ],
)
def test_one_room_alone_uses_the_library(library, room):
    users = {
        relative(path).as_posix()
        for path in MODULES
        for module, _ in imports(path)
        if module == library or module.startswith(library + ".")
    }
    assert {user for user in users if not user.startswith(room)} == set()


def test_every_public_module_class_and_action_says_what_it_is_for():
    silent = []
    for path in MODULES:
        if path.name == "__init__.py" and not path.read_text().strip():
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if ast.get_docstring(tree) is None:
            silent.append(str(relative(path)))
        for node in tree.body:
            named = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            trivial = isinstance(node, ast.ClassDef) and any("Choices" in ast.unparse(b) for b in node.bases)
            if named and not trivial and ast.get_docstring(node) is None and node.name not in ("Command",):
                silent.append(f"{relative(path)}:{node.lineno} {node.name}")
    silent = [line for line in silent if "apps.py" not in line]
    assert not silent, "\n".join(silent)


def test_migrations_stand_alone():
    wrong = []
    for path in ROOT.glob("*/migrations/*.py"):
        for module, line in imports(path):
            inside = module.split(".")[0] in APPS and not module.startswith(f"{path.parts[-3]}.models")
            # Field classes of ours and shared SQL are part of the schema's own language.
            if inside:
                wrong.append(f"{relative(path)}:{line} imports {module}")
    assert wrong == []
