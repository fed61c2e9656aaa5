"""`manage.py explain` about monitored virtual hosts: `broker` and `vhost` instead of definitions, answered from the database.

Needs Django to be set up, which `dashboard.management.commands.explain` does for the first such line. Users who can read the database may
see everything in it, so no permissions are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError

from brokers.models import Broker
from brokers.routing.fields import InvalidQuestion
from brokers.routing.questions import as_answer
from brokers.scope import EVERYTHING
from dashboard.why import explanations, loaded_vhost, task_explanations
from dashboard.why.question_vhost import VhostUnavailable, load_question_vhost, moment_in

NO_DATABASE = "Hareline’s database can’t be read ({why}): HARELINE_DATA_DIR or HARELINE_DATABASE_URL must be that of the running dashboard."


def explain_message(question: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, or {"error"} if there is no such virtual host. Raises InvalidQuestion."""
    if "cases" in question:
        raise InvalidQuestion("cases", "need definitions; for a broker, use one question per line")
    try:
        return as_answer(explanations.explain_message(_load(question)[1], question))
    except VhostUnavailable as error:
        return {"error": {"code": error.code, "message": str(error), "field": error.field}}


def explain_task(question: Mapping[str, Any]) -> dict[str, Any]:
    """The answer. Raises InvalidQuestion, also if there is no such virtual host."""
    try:
        broker, loaded = _load(question)
    except VhostUnavailable as error:
        raise InvalidQuestion(error.field, f"can't be used: {error}") from error
    task = question.get("task")
    known = loaded_vhost.known_task(EVERYTHING, broker, loaded.topology.vhost, task if isinstance(task, str) else "", moment_in(question, "at"))
    return task_explanations.explain_live_task(loaded, question, known).as_json()


def _load(question: Mapping[str, Any]) -> tuple[Broker, explanations.LoadedVhost]:
    try:
        return load_question_vhost(EVERYTHING, question, datetime.now(UTC))
    except DatabaseError as error:
        raise VhostUnavailable("broker", NO_DATABASE.format(why=error), "unavailable") from error
