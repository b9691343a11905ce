"""How the code is written: documented by Google's convention, in functions that can be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("flows", "tasks", "models", "infra", "tools")
MOST_LINES, MOST_PARAMETERS = 60, 8
TYPER = ("flows/cli/",)
"""Commands: their docstring is the help text, and their parameters are their options."""
TABLES = frozenset({"tasks/stage.py:stage"})
"""Declarations whose arguments are the attributes of what they declare."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function, bool]]:
    """(file:name, function, whether it is public) of every function, methods included."""

    def within(node: ast.AST, where: str, public: bool) -> Iterator[tuple[str, Function, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                yield from within(child, where, public and not child.name.startswith("_"))
            elif isinstance(child, Function):
                yield f"{where}:{child.name}", child, public and not child.name.startswith("_")
                yield from within(child, where, False)

    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            yield from within(ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT)), True)


def parameters(function: Function) -> list[str]:
    """Names of its parameters, but for the instance."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return [one.arg for one in every if one.arg not in ("self", "cls")]


def is_command(name: str) -> bool:
    return name.startswith(TYPER) and not name.rpartition(":")[2].startswith("_")


def test_every_public_function_says_what_it_takes_and_gives() -> None:
    lacking = []
    for name, function, public in functions():
        names, text = parameters(function), ast.get_docstring(function) or ""
        if not public or not names or is_command(name):
            continue
        said = text.partition("Args:\n")[2].partition("\n\n")[0]
        missing = [one for one in names if f" {one}:" not in said and f"*{one}:" not in said]
        gives = function.returns is not None and not (
            isinstance(function.returns, ast.Constant) and function.returns.value is None
        )
        if missing or (gives and "Returns:" not in text and "Yields:" not in text):
            lacking.append(f"{name} (line {function.lineno}): {', '.join(missing) or 'Returns'}")
    assert lacking == []


def code_lines(function: Function) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    text = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - text


@pytest.mark.parametrize("what", ["lines", "parameters"])
def test_no_function_is_too_long_to_be_read_at_once(what: str) -> None:
    if what == "lines":
        long = {name: code_lines(function) for name, function, _ in functions()}
        assert {name: count for name, count in long.items() if count > MOST_LINES} == {}
        return
    many = {
        name: len(parameters(function))
        for name, function, _ in functions()
        if not is_command(name) and name not in TABLES
    }
    assert {name: count for name, count in many.items() if count > MOST_PARAMETERS} == {}
