"""`script/soak plants`: each plant of a healthy demo is started and ended by its form, as a person does, and what the rules find of it is timed.

Standard library only, but for the catalog of plants.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from script.soak_parts.pages import TOKEN, login
from workers.demo.plants.catalog import PLANTS, Plant

ROOT = Path(__file__).parents[2]
START_SECONDS, STOP_SECONDS = 300.0, 60.0
LOOK_SECONDS, WAIT_SECONDS = 1.0, 90.0
QUIET_SECONDS = 60.0
"""So long what was open before a plant may take to close; what stays then is named, and counts for nothing."""
FIND_SECONDS, CLEAR_SECONDS = 420.0, 300.0
STAYS_SECONDS = 15.0
"""So long a plant stays on once it was found: further findings would open meanwhile."""
COLUMNS = ("plant", "found", "after", "also open", "closed after its end", "all closed after")


class Seen(NamedTuple):
    """An open finding, as the API lists it."""

    rule: str
    name: str
    level: str
    title: str
    explained: bool

    @classmethod
    def of(cls, item: dict[str, Any]) -> Seen:
        return cls(item["rule"], item["object"]["name"], item["level"], item["title"], item["explained_by"] is not None)

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.name


class Outcome(NamedTuple):
    """Of one plant. Seconds are None for what did not come in time. `others` are findings that the plant's rules do not have, and that nothing explains."""

    plant: Plant
    found: Seen | None
    found_seconds: float | None
    others: Sequence[Seen]
    closed_seconds: float | None
    quiet_seconds: float | None
    note: str = ""

    @property
    def failed(self) -> bool:
        return self.found_seconds is None or self.quiet_seconds is None or bool(self.others)


class Visitor:
    """Somebody who is logged in to the demo at `url` as admin, and reads its findings by the API."""

    def __init__(self, url: str, password: str, token: str) -> None:
        self._url, self._token = url, token
        self._opener = login(url, password, WAIT_SECONDS)

    def press(self, plant: str, action: str) -> None:
        """Sends the form of the page as a browser does. Raises OSError."""
        found = TOKEN.search(self._opener.open(f"{self._url}/demo/plants/", timeout=WAIT_SECONDS).read().decode())
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": found[1] if found else ""}).encode()
        self._opener.open(f"{self._url}/demo/plants/{plant}/{action}/", form, timeout=WAIT_SECONDS).close()

    def open(self) -> list[Seen]:
        request = urllib.request.Request(f"{self._url}/api/v1/findings?page_size=100", headers={"Authorization": f"Bearer {self._token}"})  # noqa: S310  (http only)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=WAIT_SECONDS) as answer:
            return [Seen.of(item) for item in json.load(answer)["items"]]


def measure(visitor: Visitor, plant: Plant) -> Outcome:
    """Starts the plant, waits until it is found, ends it and waits until nothing that it led to is open."""
    left = wait_for(visitor.open, lambda seen: not seen, QUIET_SECONDS)[1][-1]
    before, has = {one.key for one in left}, lambda seen: any(one.rule == plant.rules[0] for one in seen)
    visitor.press(plant.key, "start")
    found_seconds, until_found = wait_for(visitor.open, has, FIND_SECONDS)
    stayed = wait_for(visitor.open, lambda _: False, STAYS_SECONDS)[1] if found_seconds is not None else []
    visitor.press(plant.key, "end")
    began = time.monotonic()
    closed_seconds, until_closed = wait_for(visitor.open, lambda seen: not has(seen), CLEAR_SECONDS)
    seen = list({one.key: one for found in (*until_found, *stayed, *until_closed) for one in found}.values())
    led_to = {one.key for one in seen} - before
    all_seconds, _ = wait_for(visitor.open, lambda seen: not led_to & {one.key for one in seen}, CLEAR_SECONDS)
    quiet_seconds = None if all_seconds is None else time.monotonic() - began
    its = next((one for one in seen if one.rule == plant.rules[0]), None)
    note = f"open before: {', '.join(sorted({rule for rule, _ in before}))}" if before else ""
    return Outcome(plant, its, found_seconds, others(plant, seen, before), closed_seconds, quiet_seconds, note)


def others(plant: Plant, seen: Iterable[Seen], before: Container[tuple[str, str]] = ()) -> list[Seen]:
    """Of what was open while the plant was on, and not `before`, what its catalog does not list and no other finding explains."""
    return [one for one in seen if one.rule not in plant.rules and not one.explained and one.key not in before]


def wait_for(look: Any, condition: Any, seconds: float) -> tuple[float | None, list[Any]]:
    """(seconds until the condition held of what is seen, None where it did not in time; everything that was seen). Looks each second."""
    began, seen = time.monotonic(), []
    while True:
        seen.append(look())
        passed = time.monotonic() - began
        if condition(seen[-1]):
            return passed, seen
        if passed >= seconds:
            return None, seen
        time.sleep(LOOK_SECONDS)


def main(directory: Path, only: Sequence[str] | None) -> int:
    """Measures on a demo of its own, of these plants or all. The exit status: 1 if one was not found, not cleared, or anything else was found."""
    directory.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    password, token = secrets.token_urlsafe(16), f"tok_{secrets.token_hex(16)}"
    environment = {
        **os.environ,
        "HARELINE_DATA_DIR": str(directory / "demo"),
        "HARELINE_PORT": str(port),
        "HARELINE_ADMIN_PASSWORD": password,
        "HARELINE_API_TOKEN": token,
    }
    with (directory / "demo.log").open("wb") as log:
        demo = subprocess.Popen([ROOT / "script" / "demo"], env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True)
    try:
        return measured(_visitor(f"http://127.0.0.1:{port}", password, token, demo), only)
    finally:
        demo.send_signal(signal.SIGTERM)
        try:
            demo.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(demo.pid, signal.SIGKILL)


def measured(visitor: Visitor, only: Sequence[str] | None) -> int:
    """Prints a row as soon as it is known, and the table at the end."""
    outcomes = []
    for key in only or PLANTS:
        outcomes.append(measure(visitor, PLANTS[key]))
        print(f"soak: {row(outcomes[-1])}", file=sys.stderr, flush=True)
    print(table(outcomes))
    return 1 if any(one.failed for one in outcomes) else 0


def _visitor(url: str, password: str, token: str, demo: subprocess.Popen[Any]) -> Visitor:
    """Once the demo answers and all its parts are seen. Raises RuntimeError."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and demo.poll() is None:
        try:
            visitor = Visitor(url, password, token)
            visitor.open()
        except OSError:
            time.sleep(LOOK_SECONDS)
        else:
            time.sleep(STAYS_SECONDS)  # its worker nodes start after it
            return visitor
    raise RuntimeError(f"the demo did not answer within {START_SECONDS:.0f} s" if demo.poll() is None else f"the demo ended with {demo.returncode}")


def row(outcome: Outcome) -> str:
    cells = (
        outcome.plant.name,
        f"{outcome.found.title} ({outcome.found.level})" if outcome.found else "not found",
        _seconds(outcome.found_seconds),
        "; ".join([*(f"{one.title} ({one.rule})" for one in outcome.others), *([outcome.note] if outcome.note else [])]) or "–",
        _seconds(outcome.closed_seconds),
        _seconds(outcome.quiet_seconds),
    )
    return f"| {' | '.join(cells)} |"


def table(outcomes: Iterable[Outcome]) -> str:
    """As Markdown."""
    return "\n".join([f"| {' | '.join(COLUMNS)} |", "|---|---|---:|---|---:|---:|", *map(row, outcomes)])


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f} s"


if __name__ == "__main__":  # on a demo that runs already, whose password and token the environment has
    sys.exit(measured(Visitor(sys.argv[1], os.environ["HARELINE_ADMIN_PASSWORD"], os.environ["HARELINE_API_TOKEN"]), sys.argv[2:]))
