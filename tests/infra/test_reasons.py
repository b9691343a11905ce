"""Every reason that the code gives is a member with its meaning and remedy, and docs/reasons.md says just that."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from flows.cli.main import app
from infra import errors
from infra.reasons import Reason, Where, as_markdown
from tests.test_readme_commands import mentioned, options_of, understood

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("flows", "tasks", "models", "infra")
RAISED = frozenset({"MediaError", "Withheld", "AttemptFailed"})
NAMED = frozenset({"reason", "why"})
"""What parameters and fields are called that take a reason."""
TABLES = {"_CODES": "values", "GIVEN_UP": "keys", "MEANINGS": "keys", "_REFUSALS": "values"}
"""Tables of a module whose keys or values are reasons."""
_CODE = re.compile(r"[a-z]+(_[a-z]+)*")


def modules() -> dict[Path, ast.Module]:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return {path: ast.parse(path.read_text("utf-8")) for path in paths if path != ROOT / "infra" / "reasons.py"}


def takers(trees: Iterable[ast.Module]) -> dict[str, set[int]]:
    """Name of a function or dataclass -> positions of its arguments that are reasons."""
    found: dict[str, set[int]] = {}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args if argument.arg not in ("self", "cls")]
            name = node.name
        elif isinstance(node, ast.ClassDef):
            fields = [entry for entry in node.body if isinstance(entry, ast.AnnAssign)]
            names = [entry.target.id for entry in fields if isinstance(entry.target, ast.Name)]
            name = node.name
        else:
            continue
        places = {n for n, one in enumerate(names) if one in NAMED}
        if places:
            found.setdefault(name, set()).update(places)
    return found


class Codes:
    """The literals of one module that it gives as reasons."""

    def __init__(self, tree: ast.Module, taking: dict[str, set[int]], others: dict[str, Codes]) -> None:
        """others: by name of the module, for the constants that this one imports."""
        self._tree, self._taking, self._others = tree, taking, others
        self._assigned: dict[str, list[ast.expr]] = {}
        self._imported: dict[str, tuple[str, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                self._imported |= {one.asname or one.name: (node.module or "", one.name) for one in node.names}
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(target, node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._assign(node.target, node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._assigned.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, part in zip(target.elts, value.elts, strict=False):
                self._assign(one, part)

    def _constant(self, module: str, name: str) -> Iterator[str]:
        other = self._others.get(module)
        if other is not None:
            yield from other._literals(ast.Name(name), frozenset())

    def all(self) -> set[str]:
        return {code for given in self._given() for code in self._literals(given, frozenset())}

    def _given(self) -> Iterator[ast.expr]:
        """Expressions that are reasons."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                places = {0} if name in RAISED else self._taking.get(name, set())
                yield from (argument for n, argument in enumerate(node.args) if n in places)
                yield from (keyword.value for keyword in node.keywords if keyword.arg in NAMED)
            elif isinstance(node, ast.FunctionDef):
                arguments = node.args.args[len(node.args.args) - len(node.args.defaults) :]
                pairs = zip(arguments, node.args.defaults, strict=True)
                yield from (default for argument, default in pairs if argument.arg in NAMED)
            elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
                first, second = node.elts
                if isinstance(first, ast.Attribute) and getattr(first.value, "id", "") == "Verdict":
                    yield second
            elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr in NAMED:
                yield from node.comparators
        for name, side in TABLES.items():
            for table in (value for value in self._assigned.get(name, []) if isinstance(value, ast.Dict)):
                chosen = table.keys if side == "keys" else table.values
                # A value may be the reason with its message.
                yield from (one.elts[0] if isinstance(one, ast.Tuple) else one for one in chosen if one is not None)

    def _literals(self, given: ast.expr, seen: frozenset[str]) -> Iterator[str]:
        if isinstance(given, ast.Constant):
            # An empty text is no reason, and others with more than a code in them are messages.
            if isinstance(given.value, str) and _CODE.fullmatch(given.value):
                yield given.value
        elif isinstance(given, ast.Name) and given.id not in seen:
            for value in self._assigned.get(given.id, []):
                yield from self._literals(value, seen | {given.id})
            if given.id not in self._assigned and given.id in self._imported:
                yield from self._constant(*self._imported[given.id])
        elif isinstance(given, ast.Attribute) and getattr(given.value, "id", "") in self._imported:
            yield from self._constant(".".join(self._imported[given.value.id]), given.attr)  # type: ignore[attr-defined]
        elif isinstance(given, ast.IfExp):
            yield from self._literals(given.body, seen)
            yield from self._literals(given.orelse, seen)
        elif isinstance(given, ast.BoolOp):
            for value in given.values:
                yield from self._literals(value, seen)


def literals(trees: dict[Path, ast.Module]) -> dict[str, str]:
    """Code -> a module that gives it."""
    taking = takers(trees.values())
    known: dict[str, Codes] = {}
    for path, tree in trees.items():
        known[".".join(path.relative_to(ROOT).with_suffix("").parts)] = Codes(tree, taking, known)
    return {code: module for module, codes in known.items() for code in codes.all()}


def members(trees: Iterable[ast.Module]) -> set[str]:
    """Names of the members that the code uses by name."""
    nodes = (node for tree in trees for node in ast.walk(tree))
    named = [n.attr for n in nodes if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "Reason"]
    return {name for name in named if name.isupper()}


def hidden_codes() -> set[str]:
    """What `infra.media.containers.hidden` and the reader of PNG files find, which a recheck puts after `hidden_`."""
    found: set[str] = set()
    for path in ("infra/media/containers/hidden.py", "infra/media/pictures/png.py"):
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            parts: list[ast.expr] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add":
                parts = node.args
            elif isinstance(node, ast.Set):
                parts = node.elts
            elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                parts = node.value.elts
            found |= {p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)}
    return found


def failures() -> set[str]:
    """The codes of errors that have none of their own."""
    from flows.run.recording import failure_code

    own = {errors.AnonflowError, errors.MediaError, errors.Withheld, errors.AttemptFailed}
    # Of runs and commands; no input meets them.
    own |= {errors.UnderWay, errors.ServerUnavailable}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > len(own)
    made = [kind() if kind is errors.SpaceError else kind("No.") for kind in kinds if kind not in own]
    return {failure_code(error) for error in made if isinstance(error, errors.AnonflowError)}


def test_the_page_is_what_the_members_say() -> None:
    page = (ROOT / "docs" / "reasons.md").read_text("utf-8")
    assert page == as_markdown(), "run .venv/bin/python -m infra.reasons > docs/reasons.md"
    assert all(f"| `{reason}` |" in page for reason in Reason)


def test_every_reason_that_the_code_gives_is_a_member() -> None:
    found = literals(modules())
    unknown = {code: module for code, module in found.items() if Reason.of(code) is None}
    assert not unknown
    assert failures() <= set(Reason), "an error whose code has no meaning"
    assert {f"hidden_{code}" for code in hidden_codes()} == {code for code in Reason if code.startswith("hidden_")}


def test_every_member_is_given_somewhere() -> None:
    trees = modules()
    used = set(literals(trees)) | {Reason[name].value for name in members(trees.values())} | failures()
    used |= {f"hidden_{code}" for code in hidden_codes()}
    assert set(Reason) - used == set()


def test_literals_are_found_wherever_a_reason_may_stand() -> None:
    text = """
from other import FAR
from package import module
ONE, TWO = "one", "two"
_CODES = {ToolError: "three"}
def reject(index, why="four"): ...
def f():
    known = "five" if x else "six"
    why = TWO
    reject(1, "seven")
    note(reason=known, message="eight")
    raise Withheld(ONE, "nine")
def g(row):
    return (Verdict.REDACTED, "ten") if row.reason == "eleven" else replace(row, reason=why)
raise MediaError(*some)
note(reason=FAR)
Withheld(module.AWAY, "x y")
"""
    tree = ast.parse(text)
    names = {"one", "two", "three", "four", "five", "six", "seven", "ten", "eleven"} | {"twelve", "thirteen"}
    others = {
        "other": Codes(ast.parse('FAR = "twelve"'), {}, {}),
        "package.module": Codes(ast.parse('AWAY = "thirteen"'), {}, {}),
    }
    assert Codes(tree, takers([tree]), others).all() == names


def test_members_are_their_codes_and_speak() -> None:
    assert json.dumps([Reason.TOO_CLOSE, f"{Reason.TOO_CLOSE}"]) == '["too_close", "too_close"]'
    assert Reason.of("too_close") is Reason.TOO_CLOSE and Reason.of("of another version") is None
    for reason in Reason:
        assert reason.where and set(reason.where) <= set(Where)
        for text in (reason.meaning, reason.remedy):
            assert text[0].isupper() and text.endswith(".") and "|" not in text and "\n" not in text, reason
            assert not re.search(r"\b(whoever|somebody|nobody|anybody)\b", text.lower()), reason


def test_remedies_name_commands_and_options_that_exist() -> None:
    known = options_of(typer.main.get_command(app))
    spans = {span for reason in Reason for span in mentioned(reason.remedy)}
    assert len(spans) > 10
    for span in spans:
        words = shlex.split(span)
        assert {word for word in words if word.startswith("--")} <= known, span
        if words[0] == "anonflow":
            understood(words)
