"""`./roamkeep spec` prints the statements with the tests that prove them; `--check` breaks the product under each."""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def proved():
    """Return {statement: ["tests/room/test_file.py::test_name", …]} as the marks say, without running anything."""
    found = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.spec":
                        name = f"{path.relative_to(TESTS.parent)}::{node.name}"
                        for number in mark.args:
                            found[ast.literal_eval(number)].append(name)
    return found


def _order(number):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", number)]


def main(arguments):
    """Print the list, or run the check; return the exit code."""
    if "--check" in arguments:
        import pytest

        rest = [argument for argument in arguments if argument != "--check"]
        return pytest.main(["-n0", "-q", "-p", "tests.spec.check", *(rest or ["tests"])])
    found = proved()
    for number in sorted(found, key=_order):
        print(f"{number:10} {found[number][0]}")
        for name in found[number][1:]:
            print(f"{'':10} {name}")
    tests = {name for names in found.values() for name in names}
    print(f"\n{len(found)} statements proved by {len(tests)} tests")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
