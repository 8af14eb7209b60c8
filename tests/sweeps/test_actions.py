"""Every action leaves its audit event: found in the code, so that no one has to remember."""

import ast
from collections import defaultdict

import pytest

from audit.texts import texts
from tests.house.test_layout import APPS, ROOT, relative

WRITERS = {"record", "record_many", "record_rows"}
# Actions that write no event of their own, each with the reason.
SILENT = {
    "preview": "looks and changes nothing",
    "check_domain": "looks and changes nothing",
    "event": "returns the row that the writers write",
}


def modules(pattern):
    return {path: ast.parse(path.read_text(encoding="utf-8")) for app in APPS for path in (ROOT / app).glob(pattern)}


def functions(tree):
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def called(node):
    """Return the names that a function calls, whatever object they are of."""
    names = set()
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            names.add(call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", ""))
    return names


def writers(calls):
    """Return the functions that reach a writer of events, through functions of the same name as what they call."""
    found, grown = set(WRITERS), True
    while grown:
        more = {name for name, names in calls.items() if names & found} - found
        found, grown = found | more, bool(more)
    return found


ACTIONS = {
    path: tree for pattern in ("actions.py", "actions/**/*.py") for path, tree in modules(pattern).items() if tree.body
}
VERBS = [
    (f"{relative(path)}::{node.name}", node.name)
    for path, tree in ACTIONS.items()
    for node in functions(tree)
    if not node.name.startswith("_") and any(argument.arg == "by" for argument in node.args.kwonlyargs)
]


def calls_of_actions():
    calls = defaultdict(set)
    for path, tree in ACTIONS.items():
        if path.parent.name == "audit":
            continue
        for node in functions(tree):
            calls[node.name] |= called(node)
    return calls


@pytest.mark.parametrize(("where", "name"), VERBS)
def test_every_action_that_knows_who_acts_writes_an_event(where, name):
    assert name in WRITERS or name in SILENT or name in writers(calls_of_actions()), where


def test_no_action_is_excused_that_is_not_there():
    assert SILENT.keys() <= {name for _where, name in VERBS}


def test_every_event_that_has_a_sentence_is_written_somewhere():
    used = {
        node.value
        for path, tree in modules("**/*.py").items()
        if path.name != "events.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    # Several at once are told by the verb of one with "-many" behind it.
    assert {verb for verb in texts() if verb.removesuffix("-many") not in used} == set()
