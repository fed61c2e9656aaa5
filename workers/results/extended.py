"""The arguments of tasks in a result backend whose application has `result_extended` on: as the worker node had them, never shortened. Only read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workers.redaction import Redaction
from workers.results.addresses import CELERY_TABLES, FILE, REDIS, REDIS_TLS, ResultsAddress
from workers.results.databases import COLUMN_BYTES, DatabaseResults
from workers.results.errors import ResultsError
from workers.results.files import FileResults
from workers.results.outcomes import LARGEST_BYTES
from workers.results.redis import RedisResults
from workers.sending.described_arguments import Described

KOMBU_TYPES = (b"__type__", b"__base64__")
"""Keys by which kombu writes what JSON has not: dates, decimals, bytes."""


def arguments_of(body: bytes, redaction: Redaction) -> Described:
    """The arguments in a whole entry, as the key-value backends keep it.

    >>> arguments_of(b'{"status": "FAILURE", "args": [1], "kwargs": {"a": null}}', Redaction())
    Described(args=[1], kwargs={'a': None}, why='')
    """
    if not body:
        return _unknown("the result backend has nothing of the task")
    if len(body) >= LARGEST_BYTES:
        return _unknown("its entry in the result backend is too large to be read")
    try:
        entry = json.loads(body)
    except (ValueError, RecursionError):
        return _unknown("its entry in the result backend is not JSON")
    args, kwargs = (entry.get("args"), entry.get("kwargs")) if isinstance(entry, dict) else (None, None)
    return _of(args, kwargs, body, redaction)


def arguments_of_columns(args: bytes, kwargs: bytes, redaction: Redaction) -> Described:
    """The same of Celery's own tables, which keep each by itself, by the result serializer.

    >>> arguments_of_columns(b"[1]", b"{}", Redaction())
    Described(args=[1], kwargs={}, why='')
    """
    if not args or not kwargs:
        return _unknown("the result backend has nothing of the task, or no arguments (result_extended is off)")
    if max(len(args), len(kwargs)) >= COLUMN_BYTES:
        return _unknown("its entry in the result backend is too large to be read")
    try:
        return _of(json.loads(args), json.loads(kwargs), args + kwargs, redaction)
    except (ValueError, RecursionError):
        return _unknown("its arguments in the result backend are not JSON; pickled ones are never unpickled")


def _of(args: Any, kwargs: Any, body: bytes, redaction: Redaction) -> Described:
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        return _unknown("the result backend has no arguments (result_extended is off)")
    if any(name in body for name in KOMBU_TYPES):
        return _unknown("they hold dates, decimals or bytes in kombu’s own encoding")
    if redaction.value([args, kwargs]) != [args, kwargs] or redaction.text(json.dumps([args, kwargs])) != json.dumps([args, kwargs]):
        return _unknown("they hold what is redacted as a secret")
    return Described(args, kwargs)


def read_arguments(address: ResultsAddress, uuids: Sequence[str], redaction: Redaction, ca_file: str | None = None) -> dict[str, Described]:
    """What the backend has of each task, in one request; {} where its kind is not read so, or it does not answer."""
    if address.kind not in (REDIS, REDIS_TLS, FILE, CELERY_TABLES) or not uuids:
        return {}
    if address.kind == CELERY_TABLES:
        return _of_tables(DatabaseResults(address, redaction), uuids, redaction)
    backend = FileResults(address.url, redaction) if address.kind == FILE else RedisResults(address, redaction, ca_file)
    try:
        return {uuid: arguments_of(body, redaction) for uuid, body in backend.bodies(uuids).items()}
    except ResultsError:
        return {}
    finally:
        backend.close()


def _of_tables(backend: DatabaseResults, uuids: Sequence[str], redaction: Redaction) -> dict[str, Described]:
    try:
        return {uuid: arguments_of_columns(*columns, redaction) for uuid, columns in backend.arguments(uuids).items()}
    except ResultsError:
        return {}
    finally:
        backend.close()


def _unknown(why: str) -> Described:
    return Described(None, None, f"Its arguments are not known in full: {why}.")
