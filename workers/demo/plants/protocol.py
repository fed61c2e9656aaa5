"""What the pages and the processes of the demo pass each other, as files in the directory `plants` of the data directory. Standard library only.

    wanted/KEY    a person started the plant: who, and when; removed to end it
    state.json    what the demo's process has made of that, written every second
    flags/NAME    what other processes of the shop look at while a plant is on
    pids/NODE     the process of a worker node

script/demo removes the directory before it starts anything.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

STATE_IS_OF_NOW_SECONDS = 10.0
Word = Literal["off", "starting", "on", "ending", "failed"]


@dataclass(frozen=True)
class PlantState:
    """`since`: the Unix time of the last change. `why`: of what failed, a sentence."""

    state: Word = "off"
    since: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Request:
    """Who started a plant, and the Unix time of that."""

    by: str
    at: float


@dataclass(frozen=True)
class Seen:
    """The last state that the demo's process wrote, at a Unix time; None: it has written none."""

    at: float | None
    plants: Mapping[str, PlantState] = field(default_factory=dict)

    def is_of_now(self, now: float) -> bool:
        return self.at is not None and abs(now - self.at) < STATE_IS_OF_NOW_SECONDS


class PlantFiles:
    """The directory, from either side. Missing files are no error; OSError is raised where it can't be written."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    # What persons want

    def want(self, key: str, by: str, now: float) -> None:
        _write(self.directory / "wanted" / key, json.dumps({"by": by, "at": now}))

    def end(self, key: str) -> None:
        (self.directory / "wanted" / key).unlink(missing_ok=True)

    def wanted(self) -> dict[str, Request]:
        """{key of the plant: who started it}."""
        return {path.name: Request(**found) for path in _files(self.directory / "wanted") if (found := _read(path)) is not None}

    # What the process of the demo made of that

    def write_state(self, plants: Mapping[str, PlantState], now: float) -> None:
        _write(self.directory / "state.json", json.dumps({"at": now, "plants": {key: asdict(state) for key, state in plants.items()}}))

    def state(self) -> Seen:
        found = _read(self.directory / "state.json")
        return Seen(None) if found is None else Seen(found["at"], {key: PlantState(**state) for key, state in found["plants"].items()})

    # What other processes of the shop look at

    def set_flag(self, name: str, text: str = "") -> None:
        _write(self.directory / "flags" / name, text)

    def clear_flag(self, name: str) -> None:
        (self.directory / "flags" / name).unlink(missing_ok=True)

    def clear_flags(self) -> None:
        for path in _files(self.directory / "flags"):
            path.unlink(missing_ok=True)

    def flag(self, name: str) -> str | None:
        """Its text; None while it is not set."""
        try:
            return (self.directory / "flags" / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def note_process(self, node: str) -> None:
        """This process is that of the worker node."""
        _write(self.directory / "pids" / node, str(os.getpid()))

    def nodes(self) -> list[str]:
        """The worker nodes that have noted their processes."""
        return [path.name for path in _files(self.directory / "pids")]

    def process(self, node: str) -> int | None:
        """The process of a worker node; None if there is none, or another program has its number since."""
        try:
            pid = int((self.directory / "pids" / node).read_text(encoding="utf-8"))
            arguments = Path(f"/proc/{pid}/cmdline")
            if arguments.parent.parent.joinpath("self").exists() and node.encode() not in arguments.read_bytes():
                return None
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return pid


def of_environment() -> PlantFiles:
    """The directory of this demo."""
    return PlantFiles(Path(os.environ.get("HARELINE_DATA_DIR", "var")).resolve() / "plants")


def _files(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.glob("*")) if not path.name.startswith(".")] if directory.is_dir() else []


def _write(path: Path, text: str) -> None:
    """As a whole, so that nobody reads half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None
