"""`manage.py explain` about virtual hosts that Hareline watches: `broker` and `vhost` instead of definitions, answered from what is stored.

Needs Django to be set up, which `dashboard.management.commands.explain` does when the first such line comes. Whoever may read the database may
see all of it, so nobody's rights are asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError

from brokers.models import Broker
from brokers.routing.fields import InvalidQuestion
from brokers.scope import EVERYTHING
from dashboard.why import explanations, loaded_vhost, task_explanations
from dashboard.why.question_vhost import WrongPlace, moment_in, place_asked

NO_DATABASE = "Hareline’s database can’t be read ({why}): HARELINE_DATA_DIR or HARELINE_DATABASE_URL must be that of the dashboard that runs."


def explain_message(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, or {"error"} where there is no such place. Raises InvalidQuestion."""
    if "cases" in asked:
        raise InvalidQuestion("cases", "need definitions: about a broker, ask one question a line")
    try:
        return explanations.explain_message(_gathered(asked)[1], asked)
    except WrongPlace as error:
        return {"error": {"code": error.code, "message": str(error), "field": error.field}}


def explain_task(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer. Raises InvalidQuestion, also where there is no such place."""
    try:
        broker, place = _gathered(asked)
    except WrongPlace as error:
        raise InvalidQuestion(error.field, f"is of no use: {error}") from error
    task = asked.get("task")
    known = loaded_vhost.known_of(EVERYTHING, broker, place.topology.vhost, task if isinstance(task, str) else "", moment_in(asked, "at"))
    return task_explanations.explain_live_task(place, asked, known)


def _gathered(asked: Mapping[str, Any]) -> tuple[Broker, explanations.Place]:
    try:
        return place_asked(EVERYTHING, asked, datetime.now(UTC))
    except DatabaseError as error:
        raise WrongPlace("broker", NO_DATABASE.format(why=error), "unavailable") from error
