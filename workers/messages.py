"""Celery's messages as they are in a queue: protocol 1 and 2, decoded as far as that is safe.

Pure. Pickled bodies are never loaded: what they hold is read from the headers (protocol 2) or by walking the opcodes without running them.
Compressed bodies are unpacked up to a limit. Sources: celery/app/amqp.py (as_task_v1, as_task_v2), kombu/serialization.py, compression.py.
"""

from __future__ import annotations

import base64
import bz2
import importlib
import json
import lzma
import pickletools
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

LARGEST_BODY_BYTES = 4 * 1024 * 1024
LARGEST_PICKLE_OPCODES = 20_000
SHOWN_TEXTS = 100

_ZLIB, _BZ2, _LZMA = "application/x-gzip", "application/x-bz2", "application/x-lzma"
_COMPRESSION = {"zlib": _ZLIB, "gzip": _ZLIB, _ZLIB: _ZLIB, "bzip2": _BZ2, "bzip": _BZ2, _BZ2: _BZ2, "lzma": _LZMA, "xz": _LZMA, _LZMA: _LZMA}
_TAGS = {"application/json": "json", "application/x-yaml": "yaml", "application/yaml": "yaml", "application/x-msgpack": "msgpack"}
_PICKLE = "application/x-python-serialize"


class Undecodable(ValueError):
    """The body can't be read, or must not be; `str()` is a sentence fit for the page."""


class Message(msgspec.Struct):
    """One message. What it does not contain is None; `problem` is the reason if arguments are missing although the message has some."""

    protocol: int | None = None  # None: not a Celery task, or not recognisable
    task: str | None = None
    id: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    args_repr: str | None = None  # the sender's words for the arguments, shortened by it
    kwargs_repr: str | None = None
    retries: int | None = None
    eta: str | None = None
    expires: str | None = None
    time_limits: tuple[float | None, float | None] = (None, None)  # hard, soft; seconds
    origin: str | None = None  # gen811@web-2
    language: str | None = None
    content_type: str | None = None
    follow_ups: dict[str, Any] = {}  # callbacks, errbacks, chain, chord, as they stand in the message
    pickled_texts: list[str] = []  # texts in a pickled body, in their order
    problem: str = ""


def decode(body: bytes | str, properties: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> Message:
    """What the message contains. Never raises for what a sender wrote; headers are those of `properties` unless given.

    >>> decode(b'[[1], {}, {}]', {"content_type": "application/json", "headers": {"task": "add", "lang": "py", "id": "x"}}).args
    [1]
    """
    found = headers if headers is not None else properties.get("headers")
    heads: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    message = Message(content_type=_text(properties.get("content_type")))
    if "task" in heads:
        _read_headers(message, heads)
    message.id = message.id or _text(properties.get("correlation_id"))
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    try:
        raw = decompressed(raw, heads.get("compression"))
        if message.content_type == _PICKLE:
            _describe_pickle(message, raw)
        else:
            _read_body(message, _value(raw, message.content_type, _text(properties.get("content_encoding"))))
    except Undecodable as error:
        message.problem = str(error)
    return message


def decompressed(body: bytes, compression: Any, largest: int = LARGEST_BODY_BYTES) -> bytes:
    """The body as it was before its sender compressed it. Raises Undecodable beyond `largest` bytes, so that a small message can't fill the memory."""
    if len(body) > largest:
        raise Undecodable(f"The body has {len(body):,} bytes; more than {largest:,} are not read.")
    if not compression:
        return body
    kind = _COMPRESSION.get(str(compression).lower())
    if kind is None:
        raise Undecodable(f"The body is compressed by {str(compression)[:80]}, which is not read here.")
    try:
        if kind == _ZLIB:
            unpacked = zlib.decompressobj().decompress(body, largest + 1)
        elif kind == _BZ2:
            unpacked = bz2.BZ2Decompressor().decompress(body, largest + 1)
        else:
            unpacked = lzma.LZMADecompressor(memlimit=64 * 1024 * 1024).decompress(body, largest + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
        raise Undecodable(f"The body claims to be compressed by {str(compression)[:80]}, but is not ({error}).") from None
    if len(unpacked) > largest:
        raise Undecodable(f"The body unpacks to more than {largest:,} bytes, which are not read.")
    return unpacked


def _read_headers(message: Message, headers: Mapping[str, Any]) -> None:
    """Protocol 2: what stands in the headers."""
    message.protocol = 2
    for field, header in (
        ("task", "task"), ("id", "id"), ("root_id", "root_id"), ("parent_id", "parent_id"), ("group", "group"), ("eta", "eta"), ("expires", "expires"),
        ("args_repr", "argsrepr"), ("kwargs_repr", "kwargsrepr"), ("origin", "origin"), ("language", "lang"),
    ):  # fmt: skip
        setattr(message, field, _text(headers.get(header)))
    message.retries = _whole(headers.get("retries"))
    message.time_limits = _limits(headers.get("timelimit"))


def _value(body: bytes, content_type: str | None, encoding: str | None) -> Any:
    """The body's value by its content type: JSON, YAML (safe) and msgpack."""
    tag = _TAGS.get((content_type or "application/json").partition(";")[0].strip().lower())
    if tag is None:
        raise Undecodable(f"The body is of type {(content_type or '')[:80]}, which is not read here.")
    try:
        if tag == "msgpack":
            return msgspec.msgpack.decode(body)
        text = body.decode(encoding if encoding in ("utf-8", "us-ascii", "latin-1", "utf-16") else "utf-8")
        return json.loads(text, object_hook=_unwrapped) if tag == "json" else plain_yaml(text)
    except Undecodable:
        raise
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise Undecodable(f"The body is not the {tag} that it claims to be ({type(error).__name__}).") from None


def plain_yaml(text: str) -> Any:
    """The value of a YAML text, by the safe loader, without references. Raises Undecodable."""
    try:
        yaml = importlib.import_module("yaml")
    except ImportError:
        raise Undecodable("The body is YAML, and PyYAML is not installed here.") from None
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise Undecodable("The body is YAML with references, by which a few bytes can stand for millions of values; they are not followed.")
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise Undecodable("The body is not the YAML that it claims to be.") from None


def _unwrapped(value: dict[str, Any]) -> Any:
    """Kombu's encoding of what JSON can't express: `{"__type__": "datetime", "__value__": …}` as its text, bytes as bytes."""
    if set(value) != {"__type__", "__value__"}:
        return value
    kind, inner = value["__type__"], value["__value__"]
    if kind == "bytes" and isinstance(inner, str):
        return inner.encode("utf-8", "surrogatepass")
    if kind == "base64" and isinstance(inner, str):
        try:
            return base64.b64decode(inner)
        except ValueError:
            return inner
    return inner


def _read_body(message: Message, value: Any) -> None:
    if message.protocol == 2:
        if not (isinstance(value, list) and len(value) == 3):
            raise Undecodable("The headers are those of a Celery task, but the body is not [args, kwargs, options].")
        message.args = value[0] if isinstance(value[0], list) else None
        message.kwargs = value[1] if isinstance(value[1], dict) else None
        message.follow_ups = _follow_ups(value[2])
        if message.args is None or message.kwargs is None:
            message.problem = "The arguments are neither a list nor an object, which Celery's workers refuse."
        return
    if not (isinstance(value, dict) and isinstance(value.get("task"), str)):
        raise Undecodable("This is not a Celery task: there is no task in its headers or body.")
    _read_body_of_protocol_1(message, value)


def _read_body_of_protocol_1(message: Message, value: Mapping[str, Any]) -> None:
    message.protocol = 1
    message.task = _text(value.get("task"))
    message.id = _text(value.get("id")) or message.id
    message.group = _text(value.get("taskset") or value.get("group"))
    message.args = value["args"] if isinstance(value.get("args"), list) else [] if value.get("args") is None else None
    message.kwargs = value["kwargs"] if isinstance(value.get("kwargs"), dict) else {} if value.get("kwargs") is None else None
    message.eta, message.expires = _text(value.get("eta")), _text(value.get("expires"))
    message.retries = _whole(value.get("retries"))
    message.time_limits = _limits(value.get("timelimit"))
    message.follow_ups = _follow_ups(value)
    if message.args is None or message.kwargs is None:
        message.problem = "The arguments are neither a list nor an object, which Celery's workers refuse."


def _follow_ups(value: Any) -> dict[str, Any]:
    names = ("callbacks", "errbacks", "chain", "chord")
    return {name: value[name] for name in names if value.get(name)} if isinstance(value, Mapping) else {}


def _describe_pickle(message: Message, body: bytes) -> None:
    """What a pickled body may hold, without ever loading it: loading would run the sender's code here."""
    texts: list[str] = []
    text = "The body is pickled. It is not loaded, since that would run code of its sender"
    try:
        for position, (opcode, argument, _) in enumerate(pickletools.genops(body)):
            if position >= LARGEST_PICKLE_OPCODES or len(texts) >= SHOWN_TEXTS:
                break
            if isinstance(argument, str) and opcode.name != "GLOBAL":
                texts.append(argument[:200])
    except Exception:  # noqa: BLE001  (pickletools documents none of the many errors that hostile bytes cause)
        text = "The body claims to be pickled but is not whole. It is not loaded, since that could run code of its sender"
    message.pickled_texts = texts
    if message.protocol is None and "task" in texts and "args" in texts:
        message.protocol = 1
        message.task = _after(texts, "task")
        message.id = _after(texts, "id") or message.id
    shown = "the sender's own text of the arguments is in its headers" if message.args_repr else "the texts in it are listed"
    message.problem = f"{text}; {shown}."


def _after(texts: list[str], key: str) -> str | None:
    """The text that follows a key in the order of a pickled dict."""
    position = texts.index(key) + 1 if key in texts else len(texts)
    return texts[position] if position < len(texts) else None


def _text(value: Any) -> str | None:
    return value[:10_000] if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _limits(value: Any) -> tuple[float | None, float | None]:
    if not (isinstance(value, list | tuple) and len(value) == 2):
        return (None, None)
    hard, soft = (each if isinstance(each, int | float) and not isinstance(each, bool) else None for each in value)
    return (hard, soft)
