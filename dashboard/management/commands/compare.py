"""`manage.py compare`: what differs between two sides, each an exported definitions file or a recorded broker. JSON on stdout, everything else on stderr.

Two files need neither settings nor a database, so `manage.py` starts this command without setting up Django; a side that names a broker does that.
Exit status: 0; 1 if something of `--fail-on` was found; 2 if a side can't be read or the call is wrong. Format: docs/compare.md.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import django
import msgspec
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand
from django.core.management.base import CommandParser

from brokers.comparison import OUTCOMES, compared, of_export
from brokers.figure_comparison import FigureRow
from brokers.routing.fields import InvalidQuestion
from brokers.topology import Topology
from dashboard.comparison import answer
from dashboard.layout.moments import EXAMPLES, moment_of

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Unreadable(Exception):
    """A side that can't be compared; `str()` says why."""


def outcomes(text: str) -> list[str]:
    """The outcomes that `--fail-on` names."""
    named = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in named if part not in OUTCOMES]
    if unknown or not named:
        raise ArgumentTypeError(f"expected {', '.join(OUTCOMES)}, or several of them joined by commas, not {text!r}")
    return named


class Command(BaseCommand):
    help = "Compares two sides, each RabbitMQ's exported definitions or what is recorded of a broker, and writes what differs as JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        for prefix, side in (("", "the first side"), ("with-", "the second side")):
            of = parser.add_argument_group(side)
            of.add_argument(f"--{prefix}file", metavar="FILE", help="definitions as RabbitMQ exports them; - is stdin")
            of.add_argument(f"--{prefix}broker", metavar="NAME", help="a broker that is watched" + (", the first side's if not given" if prefix else ""))
            of.add_argument(f"--{prefix}vhost", metavar="NAME", help="one virtual host of it; all if not given")
            of.add_argument(f"--{prefix}at", metavar="TIME", help=f"what was recorded then ({EXAMPLES}); now if not given")
        parser.add_argument("--fail-on", type=outcomes, default=[], metavar="LIST", help=f"exit with 1 if there is any of these: {','.join(OUTCOMES)}")

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django's, but without settings and database connections. Always raises SystemExit."""
        self._called_from_command_line = True  # a wrong call prints its usage instead of raising
        options = vars(self.create_parser(argv[0], argv[1]).parse_args(argv[2:]))
        try:
            status = run(options, sys.stdout, sys.stderr)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = 2
        except KeyboardInterrupt:
            status = 130
        sys.exit(status)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(run(options, self.stdout, self.stderr))  # type: ignore[arg-type]


def run(options: dict[str, Any], out: TextIO, err: TextIO) -> int:
    """The exit status."""
    first, second = ({name: options.get(prefix + name) for name in ("file", "broker", "vhost", "at")} for prefix in ("", "with_"))
    try:
        found = _answer(first, _completed(first, second))
    except (Unreadable, InvalidQuestion) as error:
        err.write(f"hareline: {error}\n")
        return 2
    except ImproperlyConfigured as error:
        err.write(f"hareline: {error}\n")
        return 2
    for note in found["notes"]:
        err.write(f"{note}\n")
    err.write(f"{answer.outcome_text(found['counts'])}\n")
    out.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    return 1 if any(found["counts"][what] for what in options.get("fail_on") or ()) else 0


def _completed(first: dict[str, str | None], second: dict[str, str | None]) -> dict[str, str | None]:
    """The second side with what it takes from the first: its broker, and its virtual host."""
    if not (first["file"] or first["broker"]):
        raise Unreadable("name the first side by --file or --broker")
    if not (second["file"] or second["broker"]):
        if first["file"]:
            raise Unreadable("name the second side by --with-file or --with-broker")
        second = {**second, "broker": first["broker"]}
    for side, prefix in ((first, "--"), (second, "--with-")):
        if side["file"] and (side["broker"] or side["at"]):
            raise Unreadable(f"{prefix}file has no broker and no time: name either a file or a broker")
    return {**second, "vhost": second["vhost"] or first["vhost"]}


def _answer(first: dict[str, str | None], second: dict[str, str | None]) -> dict[str, Any]:
    if first["file"] == second["file"] == "-":
        raise Unreadable("only one side can be read from stdin")
    if not (first["file"] and second["file"]):
        _set_up()
    loaded = [_of_file(side, prefix) if side["file"] else _of_broker(side) for side, prefix in ((first, "file"), (second, "with-file"))]
    (before, was, was_notes, old), (after, now, now_notes, new) = loaded
    as_one = _is_one(first, was) and _is_one(second, now)
    if not as_one and any(one.vhost == "" for one in (*was, *now)):
        raise Unreadable("the export of one virtual host does not name it: name it by --vhost, and the other side’s by --with-vhost")
    found = compared(was, now, as_one=as_one)
    figures = _figures(old, new)
    notes = [note for note in dict.fromkeys([*was_notes, *now_notes, answer.unknown_text(found.unknown)]) if note]
    return answer.whole(before, after, found, figures, notes)


def _is_one(side: dict[str, str | None], topologies: list[Topology]) -> bool:
    """True for one virtual host that was named, and for an export of one virtual host, which may not name it."""
    return bool(side["vhost"]) or [one.vhost for one in topologies] == [""]


def _figures(old: Any, new: Any) -> list[FigureRow] | None:
    if old is None or new is None:
        return None
    from dashboard.comparison.sides import Sides

    return Sides(old, new).figures


Loaded = tuple[dict[str, Any], list[Topology], list[str], Any]


def _of_file(side: dict[str, str | None], option: str) -> Loaded:
    name = str(side["file"])
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        definitions = msgspec.json.decode(data.removeprefix(BYTE_ORDER_MARK))
    except OSError as error:
        raise Unreadable(f"--{option}: {name} can’t be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"--{option}: {name} is not JSON: {error}") from None
    try:
        found, notes = of_export(definitions, side["vhost"])
    except InvalidQuestion as error:
        raise Unreadable(f"--{option}: {name}: {error}") from error
    return {"file": name, "vhost": side["vhost"]}, found, [f"{name}: {note}" for note in notes], None


def _of_broker(side: dict[str, str | None]) -> Loaded:
    from django.db import DatabaseError

    from brokers import queries
    from brokers.errors import NotRecorded
    from brokers.scope import EVERYTHING
    from dashboard.comparison.sides import Side

    now = datetime.now(UTC)
    at = now if side["at"] in (None, "now") else moment_of(str(side["at"]), now)
    if at is None or at > now:
        raise Unreadable(f"{side['at']!r} is {'in the future' if at else f'no time such as {EXAMPLES}'}")
    try:
        broker = queries.broker(EVERYTHING, str(side["broker"]))
        if broker is None:
            known = ", ".join(one.name for one in queries.brokers(EVERYTHING)) or "none"
            raise Unreadable(f"no broker {side['broker']} is recorded; there are: {known}")
        found = Side(EVERYTHING, broker, side["vhost"], at)
        return found.as_json(), found.recorded.topologies, found.notes, found
    except NotRecorded as error:
        raise Unreadable(str(error)) from error
    except DatabaseError as error:
        raise Unreadable(
            f"Hareline’s database can’t be read ({error}): HARELINE_DATA_DIR or HARELINE_DATABASE_URL must be that of the running dashboard"
        ) from error


def _set_up() -> None:
    if not apps.ready:
        django.setup()
