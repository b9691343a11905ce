"""What a recipe is given: it runs stages, and hands out the attempts of section 3.5."""

from __future__ import annotations

from collections.abc import Iterator

from flows.recipes.retry import Attempt, RetryPolicy
from flows.recipes.runner import StageRunner
from tasks.analysis.analysis import Analysis
from tasks.generation.site import Site


class RecipeRun(StageRunner):
    """Runs a recipe on one input."""

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
        policy = RetryPolicy(
            self.settings, context.public_id, context.people, faces, fronts, context.found, context.folder
        )
        yield from policy.attempts()
