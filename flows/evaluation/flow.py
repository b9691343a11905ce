"""An evaluation as a Prefect flow: a task run for each pair, and the headline numbers as an artifact.

Parameters and names are numbers; what is shown is what the report says of the whole, never of a person.
"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.evaluation.evaluate import Request, evaluate
from flows.evaluation.pair_work import Told
from flows.prefect import artifacts
from flows.prefect.tasks import as_task, failed
from infra.settings import Settings
from tasks.evaluation.report.content import Content


def evaluate_in_flow(request: Request, settings: Settings, told: Told) -> Content:
    """`flows.evaluation.evaluate.evaluate` as a flow run. Raises what it raises."""
    made: list[Content] = []
    raised: list[Exception] = []

    @flow(name="anonflow evaluate", persist_result=False, validate_parameters=False)
    def evaluation() -> State[None]:
        try:
            made.append(evaluate(request, settings, told, as_task))
        except Exception as error:
            return failed(error, raised)
        artifacts.attempt(lambda: artifacts.evaluation(made[0]))
        return Completed(message=made[0].outcome.value)

    evaluation(return_state=True)
    if raised:
        raise raised[0]
    return made[0]
