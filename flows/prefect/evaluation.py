"""An evaluation as a Prefect flow: a task run for each pair, and the headline numbers as an artifact.

Parameters and names are numbers; what is shown is what the report says of the whole, never of a person.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.evaluation.evaluate import Request, evaluate
from flows.evaluation.pair_work import Told
from flows.prefect import artifacts
from flows.prefect.task_runs import as_task, failed
from infra.settings import Settings
from tasks.evaluation.report.content import Content


@dataclass
class _Session:
    """What the flow run works on."""

    request: Request
    settings: Settings
    told: Told
    made: list[Content] = field(default_factory=list)
    raised: list[BaseException] = field(default_factory=list)


_SESSION: ContextVar[_Session] = ContextVar("anonflow_evaluation")


@flow(name="anonflow evaluate", persist_result=False, validate_parameters=False)
def evaluate_inputs() -> State[None]:
    """Evaluate what the session asks for, one task run per pair."""
    session = _SESSION.get()
    try:
        content = evaluate(session.request, session.settings, session.told, as_task)
    except Exception as error:
        return failed(error, session.raised)
    session.made.append(content)
    artifacts.attempt(lambda: artifacts.evaluation(content))
    return Completed(message=content.outcome.value)


def evaluate_in_flow(request: Request, settings: Settings, told: Told) -> Content:
    """Run `flows.evaluation.evaluate.evaluate` as a flow run.

    Args:
        request: What is evaluated.
        settings: Of the run.
        told: Hears how far it is.

    Returns:
        What the report says.
    """
    session = _Session(request, settings, told)
    token = _SESSION.set(session)
    try:
        evaluate_inputs(return_state=True)
    finally:
        _SESSION.reset(token)
    if session.raised:
        raise session.raised[0]
    return session.made[0]
