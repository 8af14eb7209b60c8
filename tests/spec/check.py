"""A pytest plugin: each marked test runs twice, the second time on a product that does nothing where the test reached.

The first run notes which verbs (`actions`) the test called, or, where it called none, which gates (`access`, rights), or
else which other functions of the product. In the second run these do nothing and return nothing. A test that stays
green then proves nothing and is listed; the run fails.
"""

import sys
import threading
import types

import pytest
from _pytest.runner import runtestprotocol

APPS = ("audit", "accounts", "roles", "licensing", "personalization", "launcher", "config")
VERBS, GATES = ("actions",), ("access", "rights", "policy", "tenancy")
LEFT = ("models", "migrations", "views", "urls", "apps", "settings", "jinja", "middleware")

_green = []
_checked = []


def _nothing(*args, **kwargs):
    return None


def _is_public_function(code):
    return not code.co_name.startswith(("_", "<")) and not code.co_freevars


def _unwrapped(function):
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def product_functions():
    """Return {code: (function, rooms)} of every public function of the product that is loaded by now."""
    found = {}
    for name, module in list(sys.modules.items()):
        rooms = tuple(name.split("."))
        if rooms[0] not in APPS or set(rooms) & set(LEFT):
            continue
        for held in list(vars(module).values()):
            for one in [held, *vars(held).values()] if type(held) is type else [held]:
                for function in _unwrapped(getattr(one, "__func__", one)) if callable(one) else ():
                    code = getattr(function, "__code__", None)
                    if (
                        type(function) is types.FunctionType
                        and function.__module__ == name
                        and _is_public_function(code)
                    ):
                        found[code] = (function, rooms)
    return found


class _Noted:
    """The functions of the product that a run passes through."""

    def __init__(self):
        self.known = product_functions()
        self.called = {}

    def __call__(self, frame, event, argument):
        if frame.f_code in self.known:
            self.called[frame.f_code] = True

    def targets(self):
        """Return the functions to break: verbs, else gates, else the rest."""
        called = [self.known[code] for code in self.called]
        for wanted in (VERBS, GATES):
            found = [function for function, rooms in called if len(rooms) > 1 and rooms[1] in wanted]
            if found:
                return found
        return [function for function, _ in called]


def _broken(functions):
    kept = [(function, function.__code__) for function in functions]
    for function in functions:
        function.__code__ = _nothing.__code__
    return kept


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    marked = [item for item in items if item.get_closest_marker("spec")]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(marked)])
    items[:] = marked


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    noted = _Noted()
    threading.settrace(noted)
    sys.settrace(noted)
    try:
        reports = runtestprotocol(item, nextitem=item, log=False)
    finally:
        sys.settrace(None)
        threading.settrace(None)
    if all(report.passed for report in reports):
        item._initrequest()
        kept = _broken(noted.targets())
        try:
            second = runtestprotocol(item, nextitem=nextitem, log=False)
        finally:
            for function, code in kept:
                function.__code__ = code
        _checked.append(item.nodeid)
        if all(report.passed for report in second):
            _green.append(item.nodeid)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"{len(_checked)} marked tests were run again on a product that does nothing.")
    for name in _green:
        terminalreporter.write_line(f"stays green: {name}", red=True)


def pytest_sessionfinish(session, exitstatus):
    if _green and exitstatus == 0:
        session.exitstatus = 1
