"""Sends one message, in a process of its own (`dashboard.notifications.outside`) that ends with it and in bounded time, whatever the other side does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import msgspec
import structlog
from django.conf import settings

from dashboard.models import Target
from dashboard.notifications.messages import Message

log = structlog.get_logger(__name__)
SECONDS = 20.0
_TO_END_SECONDS = 5.0
_TYPES = {"critical": "failure", "warning": "warning", "unknown": "warning", "notice": "warning"}
_PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
"""Whom the machine trusts; nothing else of our environment."""
_COMMAND = (sys.executable, "-m", "dashboard.notifications.outside")


class Outcome(msgspec.Struct, frozen=True):
    """`error` is a sentence without a full stop, "" if it was sent; `note` what was not quite right. Neither has anything secret."""

    error: str = ""
    note: str = ""
    service: str = ""


def question_for(kind: str, address: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """What the process gets, by the kind of target; `address` is what `dashboard.notifications.addresses` stores, secrets included."""
    if kind == Target.WEBHOOK:
        return {**address, "kind": kind, "id": message.key, "body": json.dumps(message.body, ensure_ascii=False)}
    if kind == Target.MAIL:
        return {**address, "kind": kind, "id": message.key, "title": message.title, "text": message.text}
    shown = "success" if message.kind == "recovered" else "info" if message.kind in ("digest", "test") else _TYPES.get(message.level, "warning")
    incidents = [msgspec.structs.asdict(one) for one in message.incidents]
    return {**address, "kind": Target.APPRISE, "title": message.title, "text": message.text, "type": shown, "incidents": incidents}


def send(kind: str, address: Mapping[str, Any], message: Message, seconds: float = SECONDS) -> Outcome:
    return _outcome(question_for(kind, address, message), seconds)


def ping(url: str, seconds: float = SECONDS) -> Outcome:
    """A request that only shows that Hareline is well."""
    return _outcome({"kind": "ping", "url": url}, seconds)


def check(url: str) -> Outcome:
    """Which service an address of apprise is of; nothing is sent."""
    return _outcome({"kind": "check", "url": url}, SECONDS)


def in_background(work: Callable[..., Outcome], *arguments: Any) -> Future[Outcome]:
    """In a thread that holds up no end of the process: the process that sends ends by itself, and the message is sent again under its id."""
    future: Future[Outcome] = Future()

    def run() -> None:
        try:
            future.set_result(work(*arguments))
        except Exception as error:  # noqa: BLE001  (handed on)
            future.set_exception(error)

    threading.Thread(target=run, name="sending", daemon=True).start()
    return future


def result(future: Future[Outcome]) -> Outcome:
    """What came of work that is done; an error of ours is logged by its type alone, since its text may hold an address."""
    error = future.exception()
    if error is not None:
        log.error("notification not sent, by an error of ours", error=type(error).__name__)
        return Outcome(f"an error in Hareline ({type(error).__name__})")
    return future.result()


def _outcome(question: dict[str, Any], seconds: float) -> Outcome:
    text = json.dumps({**question, "seconds": seconds, "loopback": settings.NOTIFY_LOOPBACK, "ca_file": settings.CA_FILE})
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"LANG": "C.UTF-8", "PYTHONWARNINGS": "ignore", "HOME": "/nonexistent"}
    process = subprocess.Popen(_COMMAND, **pipes, env=environment, cwd=settings.BASE_DIR, start_new_session=True)  # noqa: S603
    try:
        answer, _ = process.communicate(text.encode(), seconds + _TO_END_SECONDS)
        return _read(answer)
    except subprocess.TimeoutExpired:
        return Outcome("it did not answer in time")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _read(answer: bytes) -> Outcome:
    try:
        found = json.loads(answer)
    except ValueError:
        return Outcome("the process that sends it ended without an answer")
    return Outcome(found.get("failed", ""), found.get("note", ""), found.get("service", ""))
