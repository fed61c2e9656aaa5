"""Reads, checks and answers questions in JSON, one per line.

Pure. Errors are answers too: {"error": {"code", "message", "field"}}; no input raises an exception. Unknown fields are errors, since a misspelt one would
change the answer; those with which cases are recorded (`expect` …) are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from brokers.routing.answer import Explanation, as_json
from brokers.routing.explanation import explain
from brokers.routing.fields import InvalidQuestion, kind_of, rows, short_text, table, unknown_field
from brokers.routing.refusals import GUEST, Message
from brokers.routing.values import InvalidValue, Value, table_from_json, table_from_pairs
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.routing.what_if.changed import changed_router
from brokers.routing.what_if.changes import listed, read_changes
from brokers.routing.what_if.comparison import compared

MOST_HEADER_BYTES = 131_072
MOST_CASES = 100_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MOST_LINE_BYTES = 256 * 1024 * 1024
TEXT_PROPERTIES = ("user_id", "reply_to", "correlation_id", "message_id", "content_type", "content_encoding", "app_id", "cluster_id", "type")

PROPERTIES = frozenset({*TEXT_PROPERTIES, "headers", "expiration", "delivery_mode", "priority", "timestamp"})
_MESSAGE = {"exchange", "routing_key", "headers", "headers_amqp", "properties", "user", "verdicts", "what_if"}
_RECORDED = {
    *("id", "title", "note", "tags", "expect", "expect_one_of", "refused", "code", "broker_text", "by_broker", "observed", "needs_exact", "verified_on"),
    *("declare", "lossy_definitions", "legend", "kind"),
}
FIELDS = frozenset({*_MESSAGE, *_RECORDED, "definitions", "broker_version", "vhost", "broker", "at", "cases"})

JSON = dict[str, Any]


def answer_line(line: bytes, live: Callable[[Mapping[str, Any]], JSON] | None = None) -> JSON:
    """The answer to one line of JSON: an explanation, {"id", "results"} for a whole topology with cases, or {"error"}. `live` answers questions that
    name a broker instead of definitions."""
    try:
        question = _decoded(line)
        return live(question) if live is not None and names_broker(question) else answer(question)
    except InvalidQuestion as error:
        return error_answer(error)


def names_broker(question: Any) -> bool:
    """Whether a question is about a monitored broker. Definitions take precedence."""
    return isinstance(question, Mapping) and question.get("broker") is not None and question.get("definitions") is None


def error_answer(error: InvalidQuestion) -> JSON:
    """The error as an answer."""
    return {"error": {"code": "invalid", "message": str(error), "field": error.field}}


def _decoded(line: bytes) -> Any:
    if len(line) > MOST_LINE_BYTES:
        raise InvalidQuestion("line", f"is longer than {MOST_LINE_BYTES:,} bytes")
    try:
        return msgspec.json.decode(line.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidQuestion("line", f"is not JSON: {error}") from None
    except RecursionError:
        raise InvalidQuestion("line", "is nested too deeply") from None


def answer(question: Any) -> JSON:
    """The answer to a question with `definitions`. Raises InvalidQuestion.

    >>> answer({"definitions": {"queues": [{"name": "mail"}]}, "exchange": "", "routing_key": "mail"})["queues"]
    ['mail']
    """
    if not isinstance(question, Mapping):
        raise InvalidQuestion("line", f"must be a JSON object, not {kind_of(question)}")
    if "definitions" not in question:
        raise InvalidQuestion("definitions", "is missing: the definitions that RabbitMQ exports")
    unknown_field(question, FIELDS, "", "a question about a message")
    router = VirtualHostRouter.from_definitions(question["definitions"], _version(question), _vhost(question))
    if "cases" not in question:
        return _answer_with_changes(router, question)
    return {"id": question.get("id"), "results": [_case(router, case, number) for number, case in enumerate(rows(question, "cases", "", MOST_CASES))]}


def _case(router: VirtualHostRouter, case: Mapping[str, Any], number: int) -> JSON:
    try:
        return _answer_with_changes(router, case, f"cases[{number}].")
    except InvalidQuestion as error:
        return error_answer(error)


def _answer_with_changes(router: VirtualHostRouter, question: Mapping[str, Any], path: str = "") -> JSON:
    """The answer; with `what_if` in the question, also the difference these changes would make."""
    found = answer_in(router, question, path, GUEST)
    if changes := read_changes(listed(question, path)):
        what_if = compared(found, answer_in(changed_router(router, changes), question, path, GUEST))
        found = msgspec.structs.replace(found, what_if=what_if)
    return as_answer(found)


def as_answer(found: Explanation) -> JSON:
    """The explanation in the JSON of docs/routing.md."""
    shown: JSON = as_json(found)
    return shown


def answer_in(router: VirtualHostRouter, question: Mapping[str, Any], path: str = "", publisher: str | None = None) -> Explanation:
    """The answer about one message in a virtual host that is already loaded; `publisher`: who publishes if the question names no user. Raises
    InvalidQuestion."""
    unknown_field(question, FIELDS, path, "a question about a message")
    verdicts = question.get("verdicts")
    if verdicts not in (None, "all", "near"):
        raise InvalidQuestion(f"{path}verdicts", 'must be "all", or absent')
    return explain(router, message_of(question, path, publisher), verdicts == "all")


def message_of(question: Mapping[str, Any], path: str = "", publisher: str | None = None) -> Message:
    """The message that a question describes. Raises InvalidQuestion."""
    properties = table(question, "properties", path)
    unknown_field(properties, PROPERTIES, f"{path}properties.", "a message's properties")
    for name in TEXT_PROPERTIES:
        if properties.get(name) is not None and not isinstance(properties[name], str):
            raise InvalidQuestion(f"{path}properties.{name}", f"must be text, not {kind_of(properties[name])}")
    for name in ("delivery_mode", "priority", "timestamp"):
        if properties.get(name) is not None and type(properties[name]) is not int:
            raise InvalidQuestion(f"{path}properties.{name}", f"must be a whole number, not {kind_of(properties[name])}")
    user = short_text(question, "user", path) if question.get("user") is not None else None
    exchange, key = short_text(question, "exchange", path), short_text(question, "routing_key", path)
    return Message(exchange, key, _headers(question, properties, path), properties, user, user or publisher)


def _headers(question: Mapping[str, Any], properties: Mapping[str, Any], path: str) -> dict[str, Value] | None:
    """`headers_amqp` if given, else `headers`, else `properties.headers`, where the management API puts them."""
    exact = question.get("headers_amqp") is not None
    inside = not exact and question.get("headers") is None and properties.get("headers") is not None
    holder, name = (properties, "headers") if inside else (question, "headers_amqp" if exact else "headers")
    where = f"{path}properties." if inside else path
    if holder.get(name) is None:
        return None
    headers = table(holder, name, where)
    size = _weight(headers)
    if size > MOST_HEADER_BYTES:
        raise InvalidQuestion(f"{where}{name}", f"is larger than {MOST_HEADER_BYTES:,} bytes, the frame that a broker accepts")
    try:
        return (table_from_pairs if exact else table_from_json)(headers, f"{where}{name}")
    except InvalidValue as error:
        raise InvalidQuestion(error.path, error.why) from error


def _weight(value: Any) -> int:
    """Approximate size on the wire in bytes; stops counting above the limit."""
    total, stack = 0, [value]
    while stack and total <= MOST_HEADER_BYTES:
        item = stack.pop()
        total += 2
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, Mapping):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return total


def _version(question: Mapping[str, Any]) -> str | None:
    value = question.get("broker_version")
    if value is not None and (not isinstance(value, str) or not any(character.isdigit() for character in value)):
        raise InvalidQuestion("broker_version", 'must be text like "3.10.8"')
    return value


def _vhost(question: Mapping[str, Any]) -> str | None:
    return short_text(question, "vhost", "") if question.get("vhost") is not None else None
