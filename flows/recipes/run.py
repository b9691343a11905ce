"""What a recipe is given: it runs stages, and hands out the attempts of section 3.5."""

from __future__ import annotations

from collections.abc import Iterator

from flows.recipes.retry import Attempt, RetryPolicy
from flows.recipes.runner import StageRunner
from infra.errors import Withheld
from infra.reasons import Reason
from tasks.analysis.analysis import Analysis
from tasks.generation.site import Site
from tasks.output.reassemble import Rendered


class RecipeRun(StageRunner):
    """Runs a recipe on one input."""

    _policy: RetryPolicy | None = None

    def attempts(self, faces: Analysis, fronts: tuple[Site | None, ...]) -> Iterator[Attempt]:
        """Yield attempts for as long as the last one was rejected; see `flows.recipes.retry.RetryPolicy`.

        Args:
            faces: What was found about the faces.
            fronts: Per identity, where its twins are painted.

        Yields:
            The next attempt.
        """
        context = self.context
        context.found(
            scenes=len({scene.scene_id for scene in faces.scan.scenes}),
            tracks=len(faces.tracks.tracks),
            identities=len(faces.people),
            turned=faces.scan.turn,
        )
        self._policy = policy = RetryPolicy(
            self.settings, context.public_id, context.people, faces, fronts, context.found, context.folder
        )
        yield from policy.attempts()

    def require_audited(self, result: Rendered) -> tuple[Rendered, str]:
        """Let a result pass that the audit found clean: the gate for every recipe, whatever it does.

        Args:
            result: What the recipe returned.

        Returns:
            The same result, and the SHA-256 of its file as it passed, empty for a picture.

        Raises:
            Withheld: `not_audited` for a result that was not audited.
        """
        passed = None if self._policy is None else self._policy.passed
        if passed is None or passed[0] is not result:
            raise Withheld(
                Reason.NOT_AUDITED, "The recipe returned a result that passed no audit; nothing is published."
            )
        return passed
