"""What a recipe is: the stages of one paper, in order, as a plain function that calls them.

The decorator `recipe` reads the stages off the function itself, so that nothing lists them twice, and refuses a
function that calls another function than a stage. Methods of what it is given, and types, it may call.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flows.recipes.run import RecipeRun
from infra.errors import DeclarationError
from tasks.analysis.frame_source import FrameSource
from tasks.output.reassemble import Rendered
from tasks.records import Verdict
from tasks.stage import Stage


@dataclass(frozen=True)
class Passed:
    """A result that passed the audit.

    Attributes:
        result: The result.
        verdict: PUBLISHED or REDACTED.
        reason: Empty, or why it is redacted.
    """

    result: Rendered
    verdict: Verdict
    reason: str


Chain = Callable[[RecipeRun, FrameSource], Passed]


@dataclass(frozen=True)
class Recipe:
    """A way from frames to an audited result.

    Attributes:
        name: By which it is chosen.
        paper: What it follows.
        media: What it converts: "video" or "picture".
        chain: The function.
        stages: That it calls, in the order in which they stand in it.
        counts: Recipe whose stages a fingerprint counts with its own.
    """

    name: str
    paper: str
    media: str
    chain: Chain
    stages: tuple[Stage[Any, Any], ...]
    counts: Recipe | None = None

    def __call__(self, run: RecipeRun, video: FrameSource) -> Passed:
        """Bring one input to an audited result.

        Args:
            run: Runs the stages.
            video: The input.

        Returns:
            The result.

        Raises:
            Withheld: In any doubt.
        """
        return self.chain(run, video)

    def versions(self) -> dict[str, int]:
        """Return recorded identifier -> version of everything whose change makes a result another one."""
        base = self.counts.versions() if self.counts else {}
        own = {stage.recorded: stage.version for stage in self.stages if stage.counted_as == stage.recorded}
        return base | own | {name: version for stage in self.stages for name, version in stage.covers}


def recipe(name: str, paper: str, media: str, counts: Recipe | None = None) -> Callable[[Chain], Recipe]:
    """Declare a function as a recipe; the arguments are the attributes of `Recipe`.

    Args:
        name: By which it is chosen.
        paper: What it follows.
        media: What it converts.
        counts: See `Recipe`.

    Returns:
        The decorator.

    Raises:
        DeclarationError: When the function calls something that is no declared stage.
    """

    def declare(chain: Chain) -> Recipe:
        return Recipe(name, paper, media, chain, stages_of(chain), counts)

    return declare


def stages_of(chain: Callable[..., Any]) -> tuple[Stage[Any, Any], ...]:
    """Return the stages that a function calls or hands to its run, in the order in which they stand in it.

    Args:
        chain: The function.

    Returns:
        The stages, each once.

    Raises:
        DeclarationError: When it calls a function that is not declared as a stage.
    """
    known: Mapping[str, Any] = inspect.unwrap(chain).__globals__
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(chain))).body
    nodes = [node for line in function.body for node in ast.walk(line)]  # type: ignore[attr-defined]
    for call in (node.func for node in nodes if isinstance(node, ast.Call)):
        plain = isinstance(call, ast.Name) and inspect.isfunction(known.get(call.id))
        of_module = isinstance(call, ast.Attribute) and inspect.ismodule(known.get(ast.unparse(call.value)))
        if plain or of_module:
            raise DeclarationError(
                f"The recipe {chain.__name__} calls {ast.unparse(call)}, which is not declared as a stage; put the "
                "decorator `tasks.stage.stage` on it."
            )
    names = [
        (node.lineno, node.col_offset, node.id)
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(known.get(node.id), Stage)
    ]
    return tuple(dict.fromkeys(known[name] for _, _, name in sorted(names)))
