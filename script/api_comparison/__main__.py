"""Compares the API's answers of another version with those of this one, on one recorded database.

    python -m script.api_comparison CHECKOUT DATABASE

CHECKOUT is a checkout of the other version with what it needs installed (script/setup), DATABASE the hareline.sqlite3 of a demo that ran at that version.
Each version gets a copy, migrates it and answers as at the last poll. Everything must be equal but words (a text that holds a space is a sentence) and
what EXPECTED lists. Ends with 1 if something else differs.
"""

from __future__ import annotations

import collections
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

EXPECTED = {
    r"/queues? .*\.nobody_since_at_least": "new: whether nobody has consumed the queue for at least that long",
    r"/queues? .*\.(level|level_reason|delayed|still_since|leader|members|online|active_consumers)": "new: how a queue is, with the evidence",
    r"/tasks? .*\.(queue|queues|queue_source|queue_reason|sent_queue)": "a task's queue follows from the bindings of its time, not from its sender",
    r"/routing/explain .*\.steps\[\]\.(bindings|others|others\[\]\.count)": "only a binding that shares a word with the key is a near miss",
}
"""Places where versions since a35f308 are meant to differ, and why; they are listed, and are no failure."""
ANSWERS = Path(__file__).with_name("answers.py")
ROOT = Path(__file__).parents[2]
SHOWN = 3


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m script.api_comparison CHECKOUT DATABASE", file=sys.stderr)
        return 2
    other, database = Path(arguments[0]).resolve(), Path(arguments[1]).resolve()
    moment = recorded_at(database)
    before, after = (answers(checkout, database, moment) for checkout in (other, ROOT))
    found, words = compared(before, after)
    meant = {place: reason for place in found for pattern, reason in EXPECTED.items() if re.search(f"{pattern}$", place)}
    print(f"{len(before)} calls before, {len(after)} after, as at {moment:%Y-%m-%d %H:%M:%S} UTC: {words} sentences, {len(found)} other places differ")
    for place, examples in sorted(found.items()):
        print(f"{place}: {len(examples)} times{f', as meant: {meant[place]}' if place in meant else ''}")
        for example in () if place in meant else examples[:SHOWN]:
            print(f"    {example}")
    return 1 if found.keys() - meant.keys() else 0


def recorded_at(database: Path) -> datetime:
    """The moment of the last stored poll."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        (text,) = opened.execute("SELECT max(polled_at) FROM brokers_broker").fetchone()
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def answers(checkout: Path, database: Path, moment: datetime) -> dict[str, Any]:
    """{call: [status, answer]} of a checkout on a copy of the database. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as directory:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(Path(directory) / "hareline.sqlite3")) as copy:
            source.backup(copy)
        for secret in database.parent.glob("*.key"):
            shutil.copy(secret, directory)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HARELINE_", "DJANGO_"))}
        return answers_of(checkout, kept | {"HARELINE_DATA_DIR": directory, "HARELINE_LOG_LEVEL": "ERROR"}, moment)


def answers_of(checkout: Path, environment: dict[str, str], moment: datetime, *options: str) -> dict[str, Any]:
    """{call: [status, answer]} of a checkout on the database that the environment names. Raises CalledProcessError."""
    command = [str(checkout / ".venv" / "bin" / "python"), str(ANSWERS), moment.isoformat(), *options]
    environment = environment | {"DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    done = subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compared(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, list[str]], int]:
    """(examples of each place that differs, how many sentences do)."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    words = 0
    for call in before.keys() | after.keys():
        for path, one, two in differences(before.get(call), after.get(call)):
            if is_sentence(one) and is_sentence(two):
                words += 1
            else:
                found[f"{re.split('[? ]', call)[0]} {path}"].append(f"{call}: {json.dumps(one)[:150]} -> {json.dumps(two)[:150]}")
    return found, words


def differences(one: Any, two: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, before, after) of each leaf that differs; list indexes are left out of the path."""
    if isinstance(one, dict) and isinstance(two, dict):
        for name in one.keys() | two.keys():
            yield from differences(one.get(name, "(no such field)"), two.get(name, "(no such field)"), f"{path}.{name}")
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for first, second in zip(one, two, strict=True):
            yield from differences(first, second, f"{path}[]")
    elif one != two:
        yield path, one, two


def is_sentence(value: Any) -> bool:
    """Whether it holds words rather than a name, a time or a number; "(no such field)" is neither."""
    return isinstance(value, str) and " " in value and value != "(no such field)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
