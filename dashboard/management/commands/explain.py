"""`manage.py explain`: why a message or a task goes where it goes; one JSON object a line in, one a line out, everything else on stderr."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from dashboard import explain_lines_celery


class Command(BaseCommand):
    help = "Reads questions as JSON lines and writes an answer for each."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--celery", action="store_true", help="the questions are about tasks")
        parser.add_argument("--routers", type=Path, metavar="FILE.py", help="with --celery: the functions that $router names")

    def handle(self, *args: Any, celery: bool, routers: Path | None, **options: Any) -> None:
        if celery:
            self.explain_tasks(routers)
            return
        raise CommandError("only --celery is answered so far")

    def explain_tasks(self, file: Path | None) -> None:
        out = sys.stdout.buffer
        sys.stdout = sys.stderr  # what a router prints is no answer
        try:
            routers = None if file is None else explain_lines_celery.load_routers(file)
        except explain_lines_celery.RoutersUnreadable as error:
            raise CommandError(str(error)) from error
        for answer in explain_lines_celery.answers(sys.stdin.buffer, routers):
            out.write(answer + b"\n")
            out.flush()
