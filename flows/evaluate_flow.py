"""An evaluation as a Prefect flow: a task run for each pair, and the headline numbers as an artifact.

Parameters and names are numbers; what is shown is what the report says of the whole, never of a person.
"""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import board
from flows.evaluate import Request, Told, evaluate
from flows.orchestrate import as_task
from infra.settings import Settings
from tasks.report.content import Content

KEY = "anonflow-evaluation"


def evaluate_in_flow(request: Request, settings: Settings, told: Told, suffix: str = "") -> Content:
    """`flows.evaluate.evaluate` as a flow run. suffix: tells the artifacts of datasets apart. Raises what it raises."""
    made: list[Content] = []
    raised: list[Exception] = []

    @flow(name="anonflow evaluate", persist_result=False, validate_parameters=False)
    def evaluation() -> State[None]:
        try:
            made.append(evaluate(request, settings, told, as_task))
        except Exception as error:
            raised.append(error)
            return Failed(message=type(error).__name__)
        board.attempt(lambda: create_markdown_artifact(key=KEY + suffix, markdown=headline(made[0])))
        return Completed(message=made[0].outcome.value)

    evaluation(return_state=True)
    if raised:
        raise raised[0]
    return made[0]


def headline(content: Content) -> str:
    """The verdict and the numbers that carry it, as Markdown without names."""
    lines = [f"# {content.outcome.value}", content.verdict, ""]
    lines += [f"- **{line.title}: {line.number}** {line.words}" for line in content.headlines]
    lines += ["", *(f"- {count} {what}" for what, count in content.counts)]
    return "\n".join(lines)
