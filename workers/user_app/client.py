"""The user's own Celery app (HARELINE_CELERY_APP), loaded in a process of its own: its settings, its tasks, and its routers, run for real.

The process (`child`) gets none of our settings, has limits of time, memory and output, and ends with ours. Its settings are read again after
ten minutes. Nothing of the user's code runs in Hareline's own processes.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import IO, Any

import msgspec

from workers.destinations.question import EXECUTION_OPTIONS
from workers.destinations.settings import SETTINGS
from workers.destinations.terms import BadQuestion, Decoder, Queue
from workers.kombu_entities import as_terms, built
from workers.periodic.entries import MOST_ENTRIES, Entry, entries_of
from workers.router_functions import RouterUnavailable

_CHILD = Path(__file__).with_name("child.py")
LARGEST_BYTES, MEMORY_BYTES = 4 * 1024 * 1024, 2 * 1024**3
KEPT_SECONDS, NOT_AGAIN_SECONDS, PERIODIC_SECONDS = 600.0, 30.0, 15.0
_ANNOTATED = ("task_annotations",)  # tasks have them applied already


class AppUnavailable(Exception):
    """Why the application can't be used: a sentence that holds no secret."""


class AppReport(msgspec.Struct, frozen=True):
    """Its settings as a question's `conf`, and the attributes of its tasks by name. `routers` are the functions that `conf` names as `$router`; called in
    vain they raise RouterUnavailable."""

    conf: dict[str, Any]
    tasks: dict[str, dict[str, Any]]
    routers: dict[str, Callable[..., Any]]


class UserApp:
    """One application, by its import path ("proj.celery:app"). May be used by several threads, which wait for each other."""

    def __init__(self, path: str, import_seconds: float = 20.0, answer_seconds: float = 2.0) -> None:
        self.path = path
        self._import_seconds, self._answer_seconds = import_seconds, answer_seconds
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._report: AppReport | None = None
        self._loaded_at = self._failed_at = 0.0
        self._failure = ""
        self._periodic: list[Entry] | None = None
        self._periodic_at = 0.0

    def report(self) -> AppReport:
        """Starts the process where that is needed. Raises AppUnavailable; having failed, it is not tried again for half a minute."""
        with self._lock:
            now = time.monotonic()
            if self._report is not None and self._process is not None and self._process.poll() is None and now - self._loaded_at < KEPT_SECONDS:
                return self._report
            if self._failure and now - self._failed_at < NOT_AGAIN_SECONDS:
                raise AppUnavailable(self._failure)
            self._failure = ""
            try:
                self._report = self._load()
            except AppUnavailable as error:
                self.close()
                self._failure, self._failed_at = str(error), time.monotonic()
                raise
            self._loaded_at = time.monotonic()
            return self._report

    def periodic(self) -> list[Entry]:
        """The entries of its beat_schedule, and of django-celery-beat's tables where its Django has them; read again after 15 s. Raises AppUnavailable."""
        with self._lock:
            now = time.monotonic()
            if self._periodic is not None and now - self._periodic_at < PERIODIC_SECONDS:
                return self._periodic
            self.report()
            seconds = self._import_seconds  # tables may be far away
            answer = self._request({"periodic": MOST_ENTRIES}, seconds, f"did not give its periodic tasks within {seconds:g} s")
            if "failed" in answer:
                raise AppUnavailable(f"The periodic tasks of {self.path} can’t be read: {answer['failed']}.")
            self._periodic, self._periodic_at = entries_of(answer, self.path), now
            return self._periodic

    def close(self) -> None:
        """Ends the process and whatever it started."""
        with self._lock:
            process, self._process, self._report = self._process, None, None
            if process is None:
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _load(self) -> AppReport:
        self.close()
        command = [sys.executable, "-P", str(_CHILD), str(LARGEST_BYTES), str(MEMORY_BYTES)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, **pipes, env=_environment(os.environ), cwd="/", start_new_session=True)  # noqa: S603
        names = [name for name in SETTINGS if name not in _ANNOTATED]
        question = {"load": self.path, "settings": names, "attributes": list(EXECUTION_OPTIONS)}
        answer = self._request(question, self._import_seconds, f"was not imported within {self._import_seconds:g} s")
        if "failed" in answer:
            raise AppUnavailable(f"The application {self.path} can’t be used: {answer['failed']}.")
        loaded = msgspec.convert(answer, _Loaded)
        return AppReport(loaded.conf, loaded.tasks, {name: partial(self._route, name) for name in _routers(loaded.conf)})

    def _route(self, router: str, name: str, args: Any, kwargs: Any, options: Mapping[str, Any], **_: Any) -> Any:
        """What a router of the application answers, called as Celery calls it. What it raises is raised here, by the same name."""
        question = {"router": router, "task": name, "args": args or [], "kwargs": kwargs or {}, "options": {key: _shown(one) for key, one in options.items()}}
        with self._lock:
            try:
                if self._process is None:
                    raise AppUnavailable(f"The application {self.path} has ended.")
                answer = self._request(question, self._answer_seconds, f"gave no answer of its router {router} within {self._answer_seconds:g} s")
            except AppUnavailable as error:
                self.close()
                raise RouterUnavailable(str(error)) from None
        if "failed" in answer:
            raise type(answer["kind"] or "Failed", (Exception,), {})(f"raised by the application: {answer['failed']}")
        try:
            return built(Decoder().decode(answer["answer"], f"the answer of {router}"))
        except BadQuestion as error:
            raise RouterUnavailable(f"The router {router} answers what can’t be read: {error}.") from None

    def _request(self, question: dict[str, Any], seconds: float, too_late: str) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None  # noqa: S101
        line = msgspec.json.encode({**question, "seconds": seconds + 1.0}, enc_hook=repr) + b"\n"
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answer = _line(process.stdout, time.monotonic() + seconds)
        except TimeoutError:
            raise AppUnavailable(f"The application {self.path} {too_late}.") from None
        except (OSError, EOFError):
            raise AppUnavailable(f"The application {self.path} ended its process, or its process ran out of memory.") from None
        try:
            return msgspec.json.decode(answer, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise AppUnavailable(f"The application {self.path} answered what can’t be read.") from None


@cache
def application(path: str) -> UserApp:
    """The one of this path that all of this process share."""
    return UserApp(path)


class _Loaded(msgspec.Struct):
    conf: dict[str, Any]
    tasks: dict[str, dict[str, Any]]


def _line(pipe: IO[bytes], until: float) -> bytes:
    """The next line. Raises TimeoutError, and EOFError if it ends or is longer than it may be."""
    found = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not found.endswith(b"\n"):
            if not selector.select(max(0.0, until - time.monotonic())):
                raise TimeoutError
            part = os.read(pipe.fileno(), 65536)
            if not part or len(found) > 2 * LARGEST_BYTES:
                raise EOFError
            found += part
    return found


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without what is ours; relative folders of PYTHONPATH are those of our own working directory."""
    kept = {name: value for name, value in own.items() if not name.startswith("HARELINE_") and name != "DJANGO_SETTINGS_MODULE"}
    if "PYTHONPATH" in kept:
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(part).resolve()) for part in kept["PYTHONPATH"].split(os.pathsep) if part)
    return kept


def _routers(conf: Mapping[str, Any]) -> list[str]:
    return [one["$router"] for one in conf.get("task_routes") or () if isinstance(one, dict) and "$router" in one]


def _shown(value: Any) -> Any:
    """An option of the call as JSON: a queue with its exchange, anything else that is no data as text."""
    term = as_terms(value, lambda queue: str(queue.name))
    if not isinstance(term, Queue):
        return value
    exchange = {"exchange": term.exchange.name, "exchange_type": term.exchange.type} if term.exchange else {"exchange": "", "exchange_type": "direct"}
    return {"$queue": {"name": term.name, "routing_key": term.routing_key, **exchange}}
