"""`manage.py explain --celery`: one question about a task a line in, one answer a line out. Questions with given settings need no server and no
database."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from brokers.routing.answer import as_json
from brokers.routing.fields import InvalidQuestion
from brokers.routing.questions import names_broker
from dashboard.why.task_answer import TaskExplanation
from dashboard.why.what_if import compared_task, task_changes
from workers.explain_task import answer, explain

LONGEST_LINE_BYTES = 16 * 1024 * 1024


class RoutersUnreadable(Exception):
    """The file of routers can't be loaded. `str()` is the reason."""


def answer_line(line: bytes, routers: Mapping[str, Any] | None = None, live: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None) -> dict[str, Any]:
    """The answer to one question; a line that is not JSON gets an error as answer. `live` answers those that name a broker."""
    nothing: dict[str, Any] = dict.fromkeys(("queue", "exchange", "exchange_type", "routing_key"))
    unanswered = {**nothing, "certain": True, "steps": [], "broker": None}
    if len(line) > LONGEST_LINE_BYTES:
        return {**unanswered, "error": f"BadQuestion: question is longer than {LONGEST_LINE_BYTES} bytes"}
    try:
        question = msgspec.json.decode(line)
        return live(question) if live is not None and names_broker(question) else _answer(question, routers)
    except InvalidQuestion as error:
        return {**unanswered, "error": f"BadQuestion: {error.field} {error.why}"}
    except (msgspec.DecodeError, RecursionError) as error:
        return {**unanswered, "error": f"BadQuestion: question is not JSON: {error}"}


def _answer(given: Any, routers: Mapping[str, Any] | None) -> dict[str, Any]:
    if not isinstance(given, dict) or "what_if" not in given:
        return explain(given, routers)
    question, changes = {name: value for name, value in given.items() if name != "what_if"}, task_changes(given)
    found = _explained(question, routers)
    shown = found.celery.as_json()
    if changes is None or found.problem:
        return shown
    what_if = compared_task(found, _explained(changes.question(question), routers))
    return {**shown, "what_if": as_json(msgspec.structs.replace(what_if, answer=what_if.answer.celery.as_json()))}


def _explained(question: Any, routers: Mapping[str, Any] | None) -> TaskExplanation:
    """Celery's part alone."""
    found = answer(question, routers)
    return TaskExplanation(found, found.certain)


def load_routers(path: Path) -> dict[str, Any]:
    """The contents of the file, by name. It runs as module `routers`; only ever a file given on the command line. Raises RoutersUnreadable."""
    spec = importlib.util.spec_from_file_location("routers", path)
    if spec is None or spec.loader is None:
        raise RoutersUnreadable(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["routers"] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RoutersUnreadable(f"{path} can't be loaded: {type(error).__name__}: {error}") from error
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}
