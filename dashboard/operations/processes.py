"""What Hareline's processes report of themselves, put together: who went away, who is set up differently, and who is of another version. Pure, but for a
look at processes of this machine.

A process that ended in good order is not missed, nor is one in whose place another of its kind was started. Sentences name processes by kind and number,
without machines and brokers, which are not for strangers: the page "About this installation" has the machines.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from brokers.clock import is_within
from brokers.models import Heartbeat
from brokers.polling import holders
from brokers.polling.leases import Facts
from brokers.polling.share import SILENT_AFTER, lives
from dashboard import environment
from dashboard.layout import formatting

MISSED_FOR = timedelta(minutes=30)
"""A process that died and in whose place none was started is named for so long."""


def gone(beats: Iterable[Heartbeat], now: datetime) -> list[Heartbeat]:
    """The processes that went away without an orderly end and in whose place none of their kind was started, latest first."""
    known = [beat for beat in beats if is_within(beat.at, now, MISSED_FOR)]
    starts: dict[str, deque[datetime]] = defaultdict(deque)  # by kind, the earliest first
    for started_at, kind in sorted((beat.started_at, beat.kind) for beat in known if beat.started_at is not None):
        starts[kind].append(started_at)
    missing = []
    for beat in sorted(known, key=lambda beat: (beat.at, beat.pk or 0)):
        if beat.ended_at is not None or is_within(beat.at, now, SILENT_AFTER):
            continue
        later = starts[beat.kind]
        while later and later[0] < beat.at:  # they ran beside it
            later.popleft()
        if later:
            later.popleft()
        else:
            missing.append(beat)
    return missing[::-1]


def gone_text(kind: str, beats: Sequence[Heartbeat], now: datetime, own_holder: str) -> str:
    """A clause that names the missing processes of the kind, "" if none is. The process that answers is certainly not."""
    missing = [beat for beat in gone(beats, now) if beat.kind == kind and beat.holder != own_holder]
    if not missing:
        return ""
    listed = ", ".join(f"process {holders.number_of(beat.holder)} last stored a heartbeat {formatting.age(beat.at, now)} ago" for beat in missing)
    alive = [beat for beat in beats if beat.kind == kind and lives(beat, now)]
    standby = sum(beat.standby for beat in alive)
    others = f"{formatting.count(len(alive), 'other')} of its kind {'runs' if len(alive) == 1 else 'run'}{f', {standby} on standby' if standby else ''}"
    return f"{listed}: killed, stuck or cut off, and none was started in its place; {others}"


def conflicts(beats: Iterable[Heartbeat], now: datetime) -> list[str]:
    """Sentences on the processes that have another secret key or other settings than most. [] if all agree."""
    living = sorted((beat for beat in beats if beat.facts and lives(beat, now)), key=lambda beat: (beat.started_at or beat.at, beat.holder))
    secret = _commonest(_facts(beat)["secret"] for beat in living)
    strangers = [beat for beat in living if _facts(beat)["secret"] != secret]
    found = [f"{_named(beat)} has another secret key than the others: give all the same HARELINE_SECRET_KEY" for beat in strangers]
    same = [beat for beat in living if _facts(beat)["secret"] == secret]
    differing: dict[str, list[str]] = defaultdict(list)
    for shared, members in ((environment.SHARED_BY_ALL, same), (environment.SHARED_BY_WEB, [beat for beat in same if beat.kind == "web"])):
        for name in sorted({name for beat in members for name in _facts(beat)["configuration"] if shared.fullmatch(name)}):
            usual = _commonest(_value(beat, name) for beat in members)
            for beat in members:
                if _value(beat, name) != usual:
                    differing[_named(beat)].append(name)
    return found + [f"{who} has another {', '.join(names)} than the others" for who, names in differing.items()]


def start_text(reported: Facts, beats: Iterable[Heartbeat], now: datetime) -> str:
    """What differs between a process that is about to start and those that run, as a sentence; "" for nothing."""
    own = Heartbeat(kind="web", holder="own", at=now, started_at=now, facts=reported.facts)
    found = [text for text in conflicts([*beats, own], now) if text.startswith(_named(own))]
    return "; ".join(text.replace(_named(own), "what starts here", 1) for text in found)


def _facts(beat: Heartbeat) -> dict[str, Any]:
    return beat.facts or {"secret": "", "configuration": {}}


def _value(beat: Heartbeat, name: str) -> str:
    configuration: Mapping[str, str] = _facts(beat)["configuration"]
    return configuration.get(name, "")


def _commonest(values: Iterable[str]) -> str:
    """The most frequent, of several equally frequent ones the first."""
    counted = Counter(values)
    return max(counted, key=lambda value: counted[value], default="")


def versions_text(beats: Iterable[Heartbeat], now: datetime, own: str) -> str:
    """A sentence while processes of other versions than the one that answers run, as during an upgrade; else ""."""
    others = [beat for beat in beats if lives(beat, now) and beat.version != own]
    if not others:
        return ""
    listed = ", ".join(f"{_named(beat)} {beat.version or 'an older one'}" for beat in sorted(others, key=lambda beat: (beat.kind, beat.holder)))
    return f"This process runs Hareline {own}; {listed}. Start those with this version too."


def _named(beat: Heartbeat) -> str:
    return f"{beat.kind} process {holders.number_of(beat.holder)}"


def problems(beats: Iterable[Heartbeat], is_alive: Callable[[Heartbeat], bool]) -> dict[str, str]:
    """{kind: what its living processes report that they can't do, "" for nothing}."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for beat in beats:
        if is_alive(beat):
            found[beat.kind][beat.problem] = None
    return {kind: "; ".join(filter(None, texts)) for kind, texts in found.items()}
