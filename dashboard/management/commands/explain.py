"""`manage.py explain`: reads questions about routing as JSON, one per line on stdin, and writes one answer per line to stdout. Format: docs/routing.md.

Answers from `definitions` need neither settings nor a database, so `manage.py` starts this command without setting up Django; the first question
that names a broker does that.
With `--celery` the questions are about tasks. Exit status: 0 if every line was answered, 1 if at least one was not, 2 for a wrong
call. An error that Celery itself would raise is an answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import django
import msgspec
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand
from django.core.management.base import CommandParser

from brokers.routing.questions import MOST_LINE_BYTES, answer_line
from dashboard.why import explain_lines_celery

Answerer = Callable[[bytes], dict[str, Any]]


class Command(BaseCommand):
    help = "Explains where messages go: one JSON question a line in, one JSON answer a line out."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--celery", action="store_true", help="the questions are about tasks")
        parser.add_argument("--routers", type=Path, metavar="FILE.py", help="with --celery: the functions that $router names")

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django's, but without settings and database connections. Always raises SystemExit."""
        self._called_from_command_line = True  # a wrong call prints its usage instead of raising
        out = sys.stdout
        options = vars(self.create_parser(argv[0], argv[1]).parse_args(argv[2:]))
        try:
            status = answer_all(sys.stdin.buffer, out.buffer, self.answerer(options))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # the reader closed the pipe; keep Python from failing when it closes stdout
            status = 1
        except KeyboardInterrupt:
            status = 130
        sys.exit(status)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(answer_all(sys.stdin.buffer, sys.stdout.buffer, self.answerer(options)))

    def answerer(self, options: dict[str, Any]) -> Answerer:
        """The function that answers lines. Exits with an error message if the file of routers can't be loaded."""
        if not options.get("celery"):
            return lambda line: answer_line(line, live_message)
        file = options.get("routers")
        sys.stdout = sys.stderr  # keeps what a router prints out of the answers, whose stream is already taken
        try:
            routers = None if file is None else explain_lines_celery.load_routers(file)
        except explain_lines_celery.RoutersUnreadable as error:
            print(f"hareline: {error}", file=sys.stderr)
            sys.exit(2)
        return lambda line: explain_lines_celery.answer_line(line, routers, live_task)


def live_message(question: Mapping[str, Any]) -> dict[str, Any]:
    _set_up()
    from dashboard.why.explain_lines_live import explain_message

    return explain_message(question)


def live_task(question: Mapping[str, Any]) -> dict[str, Any]:
    _set_up()
    from dashboard.why.explain_lines_live import explain_task

    return explain_task(question)


def _set_up() -> None:
    """Sets up Django once. Exits with an error message if a setting is invalid."""
    if apps.ready:
        return
    try:
        django.setup()
    except ImproperlyConfigured as error:
        sys.exit(f"hareline: {error}")


def unanswered(answer: dict[str, Any]) -> bool:
    """True if the question itself was invalid; an error that Celery would raise is an answer."""
    error = answer.get("error")
    return error is not None and not (isinstance(error, str) and not error.startswith("BadQuestion"))


def answer_all(lines: BinaryIO, answers: BinaryIO, answerer: Answerer) -> int:
    """The exit status. Empty lines are skipped; each answer is flushed at once."""
    status = 0
    while line := lines.readline(MOST_LINE_BYTES + 1):
        while not line.endswith(b"\n") and len(line) > MOST_LINE_BYTES and (rest := lines.readline(MOST_LINE_BYTES)):
            if rest.endswith(b"\n"):
                break  # the end of a line that is too long: its beginning is answered with an error
        if not line.strip():
            continue
        answer = answerer(line)
        if unanswered(answer) or any(unanswered(result) for result in answer.get("results", ())):
            status = 1
        answers.write(msgspec.json.encode(answer, enc_hook=repr) + b"\n")
        answers.flush()
    return status
