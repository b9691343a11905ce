"""docs/settings.md lists every environment variable that the code reads or sets, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("flows", "tasks", "models", "infra")
TABLE = ROOT / "docs" / "settings.md"
KINDS = {"recipe", "machine", "store"}
_METHODS = {"get", "setdefault", "pop", "update"}


class _Sources:
    """Finds the names that `os.environ` and `os.getenv` are asked for in the syntax trees of several modules."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.trees = [ast.parse(text) for text in texts]
        self.parents: dict[ast.AST, ast.AST] = {}
        self.constants: dict[str, list[ast.expr]] = {}
        self.calls: dict[str, list[ast.Call]] = {}
        for tree in self.trees:
            for node in ast.walk(tree):
                self.parents |= dict.fromkeys(ast.iter_child_nodes(node), node)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    self.calls.setdefault(node.func.id, []).append(node)
            for node in tree.body:
                if isinstance(node, ast.Assign):
                    for target in node.targets:
                        self.constants.setdefault(_last(target), []).append(node.value)

    def names(self) -> set[str]:
        return {name for tree in self.trees for node in ast.walk(tree) for name in self._at(node)}

    def _at(self, node: ast.AST) -> Iterator[str]:
        """The names that one node asks for."""
        if isinstance(node, ast.Subscript) and _is_environ(node.value):
            yield from self.values(node.slice)
        elif isinstance(node, ast.Compare) and any(_is_environ(one) for one in node.comparators):
            yield from self.values(node.left)
        elif isinstance(node, ast.Call) and _asks(node.func):
            yield from self.values(node.args[0])
        elif isinstance(node, ast.BinOp) and _is_environ(node.left):
            yield from self.values(node.right)
        elif isinstance(node, ast.AugAssign) and _is_environ(node.target):
            yield from self.values(node.value)

    def values(self, node: ast.expr) -> set[str]:
        """The strings that an expression can be: literals, constants of modules, and what loops and calls put in."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return {node.value}
        if isinstance(node, ast.Dict):
            return {name for key in node.keys if key is not None for name in self.values(key)}
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return {name for element in node.elts for name in self.values(element)}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("items", "keys"):
            return self.values(node.func.value)
        if isinstance(node, ast.DictComp):
            return self.values(node.key)
        if isinstance(node, ast.Name | ast.Attribute):
            found = list(self._bound(node))
            if found:
                return {name for value in found for name in self.values(value)}
        pytest.fail(f"Which variable is meant cannot be told from the code: {ast.unparse(node)}")

    def _bound(self, node: ast.Name | ast.Attribute) -> Iterator[ast.expr]:
        """What a name stands for: the innermost loop, assignment or parameter around it, else a module's constant."""
        scope: ast.AST | None = node
        while isinstance(node, ast.Name) and (scope := self.parents.get(scope)) is not None:
            if isinstance(scope, ast.DictComp | ast.ListComp | ast.SetComp | ast.GeneratorExp):
                loops = [(one.target, one.iter) for one in scope.generators]
            elif isinstance(scope, ast.For):
                loops = [(scope.target, scope.iter)]
            elif isinstance(scope, ast.FunctionDef):
                taken = [argument.arg for argument in scope.args.args]
                if node.id in taken:
                    place = taken.index(node.id)
                    yield from (call.args[place] for call in self.calls.get(scope.name, []) if len(call.args) > place)
                    return
                assigned = [one for one in ast.walk(scope) if isinstance(one, ast.Assign)]
                loops = [(target, one.value) for one in assigned for target in one.targets]
            else:
                continue
            matching = [value for target, value in loops if _first(target) == node.id]
            if matching:
                yield from matching
                return
        yield from self.constants.get(_last(node), [])


def _is_environ(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in ("os.environ", "environ")


def _asks(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute):
        return False
    return (
        ast.unparse(function) == "os.getenv"
        if function.attr == "getenv"
        else (function.attr in _METHODS and _is_environ(function.value))
    )


def _last(node: ast.AST) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _first(target: ast.expr) -> str:
    """The name that a loop's keys go into."""
    return ast.unparse(target.elts[0] if isinstance(target, ast.Tuple) else target)


def rows() -> list[tuple[str, str, str, str]]:
    """(name, meaning, default, kind) of each row of the table."""
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(name.strip("`"), meaning, default, kind) for name, meaning, default, kind in cells]


def test_the_table_lists_what_the_code_reads_and_nothing_else() -> None:
    files = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    read = _Sources(path.read_text("utf-8") for path in files).names()
    listed = {name for name, *_ in rows()}
    assert read - listed == set(), "not in docs/settings.md"
    assert listed - read == set(), "in docs/settings.md, but read nowhere"


def test_every_row_is_complete_and_in_order() -> None:
    found = rows()
    names = [name for name, *_ in found]
    assert names == sorted(set(names))
    for name, meaning, default, kind in found:
        assert meaning and default and kind in KINDS, name


def test_readers_are_found_in_every_form() -> None:
    text = """
import os
KEPT = ("FIRST", "SECOND")
ONE = "THIRD"
DEFAULTS = {"FOURTH": "1"}
def seconds(name, default):
    return os.environ.get(name)
def use():
    seconds("FIFTH", 3)
    before = {name: os.environ.get(name) for name in (ONE, "SIXTH")}
    for name, value in before.items():
        os.environ[name] = value
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    os.environ.update({"SEVENTH": ""})
    return os.getenv("EIGHTH"), os.environ | {"NINTH": "1"}, "TENTH" in os.environ
"""
    found = _Sources([text]).names()
    assert found == {"FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH", "SEVENTH", "EIGHTH", "NINTH", "TENTH"}
    with pytest.raises(pytest.fail.Exception, match="cannot be told"):
        _Sources(["import os\nos.environ[chosen()]"]).names()


def test_other_pages_name_only_variables_of_the_table_or_of_other_programs() -> None:
    listed = {name for name, *_ in rows()}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        named = set(re.findall(r"\bANONFLOW_[A-Z0-9_]+\b", page.read_text("utf-8")))
        assert named <= listed, page.name
