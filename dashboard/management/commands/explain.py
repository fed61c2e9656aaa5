"""`manage.py explain`: questions about routing as JSON, one a line on stdin; one answer a line on stdout. docs/routing.md says what is in them.

Answers from `definitions` need neither settings nor a database, so `manage.py` starts this command without setting Django up.
Exit status: 0 when every line was answered, 1 when at least one was answered with an error, 2 for a wrong call.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec
from django.core.management import BaseCommand
from django.core.management.base import CommandParser

from brokers.routing.questions import MOST_LINE_BYTES, answer_line

Answerer = Callable[[bytes], dict[str, Any]]


class Command(BaseCommand):
    help = "Explains where messages go: one JSON question a line in, one JSON answer a line out."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Other kinds of questions add their flag here and their answerer to `answerer`."""

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django's, but without settings and database connections. Always raises SystemExit."""
        self._called_from_command_line = True  # a wrong call prints its usage instead of raising
        options = vars(self.create_parser(argv[0], argv[1]).parse_args(argv[2:]))
        try:
            status = answer_all(sys.stdin.buffer, sys.stdout.buffer, self.answerer(options))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; Python must not complain when it closes stdout
            status = 1
        except KeyboardInterrupt:
            status = 130
        sys.exit(status)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(answer_all(sys.stdin.buffer, sys.stdout.buffer, self.answerer(options)))

    def answerer(self, options: dict[str, Any]) -> Answerer:
        """What answers the lines of this call."""
        return answer_line


def answer_all(lines: BinaryIO, answers: BinaryIO, answerer: Answerer) -> int:
    """The exit status. Empty lines are passed over; each answer is written at once."""
    status = 0
    while line := lines.readline(MOST_LINE_BYTES + 1):
        while not line.endswith(b"\n") and len(line) > MOST_LINE_BYTES and (rest := lines.readline(MOST_LINE_BYTES)):
            if rest.endswith(b"\n"):
                break  # the end of a line that is too long: its beginning is answered with an error
        if not line.strip():
            continue
        answer = answerer(line)
        if "error" in answer or any("error" in result for result in answer.get("results", ())):
            status = 1
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()
    return status
