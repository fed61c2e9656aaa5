"""A message about findings, as text and as JSON: what, where, since when, evidence, link. Bounded, however many findings it has. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from brokers.characters import visible
from dashboard.findings.rule import Evidence, read_body
from dashboard.layout import formatting
from dashboard.layout.levels import WORST_FIRST, rank

if TYPE_CHECKING:
    from dashboard.models import Finding

WHOLE, BY_TITLE, MOST_EVIDENCE = 5, 30, 8
LONGEST_TITLE, LONGEST_LINE, LONGEST_TEXT = 160, 300, 3_000
WHOLE_IN_JSON = 50
MOST_INCIDENTS = 40
"""Each is a request, and an attempt has 20 s."""
TEST = "test"
_PREFIX = {"returned": "back", "repeated": "still", "recovered": "recovered"}


class Item(msgspec.Struct, frozen=True):
    """A finding in a message: what happened to it, under the stable id `key`."""

    finding: Finding
    event: str  # opened, returned, level, repeated, recovered
    key: str


class Incident(msgspec.Struct, frozen=True):
    """A finding of a message for a service that keeps incidents: under the same `key` from its opening until it is over."""

    key: str
    is_over: bool
    title: str
    text: str


class Message(msgspec.Struct, frozen=True):
    """`key` is the stable id of the message, `level` the worst of its findings ("ok" for recoveries). `incidents`: its findings, none of a digest."""

    key: str
    kind: str
    level: str
    title: str
    text: str
    body: dict[str, Any]  # what a webhook gets
    incidents: Sequence[Incident] = ()


def composed(key: str, kind: str, items: Sequence[Item], url: str, now: datetime) -> Message:
    """A message about these findings, the worst first. `url` is where people see Hareline, "" if that is not known."""
    worst_first = sorted(items, key=lambda one: (rank(one.finding.level), one.finding.began, one.finding.pk))
    level = "ok" if kind == "recovered" else worst_first[0].finding.level if worst_first else "ok"
    title = _title(kind, worst_first)
    where = f"{url}/findings/" if url else ""
    lines = [] if len(items) == 1 and kind != "digest" else [_counts(kind, worst_first), ""]
    for item in worst_first[:WHOLE]:
        lines += [*_lines(item, url, now), ""]
    rest = worst_first[WHOLE:]
    lines += [f"- {_headline(one)} ({_place(one.finding)})" for one in rest[:BY_TITLE]]
    if len(rest) > BY_TITLE:
        lines.append(f"- and {len(rest) - BY_TITLE:,} more")
    if where and (len(items) != 1 or kind == "digest"):
        lines.append(where)
    body = {
        "version": 1,
        "id": key,
        "kind": kind,
        "at": _iso(now),
        "level": level,
        "title": title,
        "link": where or None,
        "total": len(items),
        "findings": [_json(one, url, whole=number < WHOLE_IN_JSON) for number, one in enumerate(worst_first)],
    }
    incidents = [_incident(one, url, now, key) for one in worst_first[:MOST_INCIDENTS]] if kind != "digest" else []
    return Message(key, kind, level, title, _bounded(lines, key), body, incidents)


def _incident(item: Item, url: str, now: datetime, key: str) -> Incident:
    finding = item.finding
    title = one_line(f"{_headline(item)} ({_broker(finding)})", LONGEST_TITLE)
    name = f"{finding.identity}-{int(finding.opened_at.timestamp())}"
    return Incident(name, item.event == "recovered", title, _bounded(_lines(item, url, now)[1:], key))


def of_a_test(key: str, target: str, person: str, url: str, now: datetime) -> Message:
    """What the test button sends: no finding, and clearly marked."""
    title = "[test] A test message of Hareline"
    lines = [f"This is a test: nothing is wrong. {one_line(person)} sent it to the target {one_line(target)} at {_moment(now)}."]
    body = {"version": 1, "id": key, "kind": TEST, "at": _iso(now), "level": "ok", "title": title, "link": url or None, "total": 0, "findings": []}
    return Message(key, TEST, "ok", title, _bounded([*lines, url] if url else lines, key), body)


def one_line(text: str, most: int = LONGEST_LINE) -> str:
    """Names may hold anything: line breaks and what can't be seen are pictures here, as on the pages, and what is too long is cut.

    >>> one_line("a\\r\\nBcc: b"), one_line("abcdef", 4)
    ('a␍␊Bcc: b', 'abc…')
    """
    text = visible(text.strip(" "))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _title(kind: str, worst_first: Sequence[Item]) -> str:
    if len(worst_first) == 1 and kind != "digest":
        item = worst_first[0]
        return one_line(f"{_headline(item)} ({_broker(item.finding)})", LONGEST_TITLE)
    first = f": {one_line(worst_first[0].finding.title, 80)} and {len(worst_first) - 1:,} more" if worst_first and kind != "digest" else ""
    return one_line(f"{_counts(kind, worst_first)}{first}", LONGEST_TITLE)


def _counts(kind: str, items: Sequence[Item]) -> str:
    """
    >>> _counts("digest", [])
    'Today: nothing is wrong'
    """
    found = Counter(one.finding.level for one in items)
    levels = ", ".join(f"{found[word]:,} {word}" for word in WORST_FIRST if found[word])
    many = formatting.count(len(items), "finding")
    if kind == "digest":
        return f"Today: {many} open ({levels})" if items else "Today: nothing is wrong"
    if kind == "recovered":
        return f"{many} recovered"
    return f"{many} still open ({levels})" if kind == "repeated" else f"{many} ({levels})"


def _headline(item: Item) -> str:
    return f"[{_PREFIX.get(item.event, item.finding.level)}] {one_line(item.finding.title)}"


def _place(finding: Finding) -> str:
    return one_line(" ".join(part for part in (_broker(finding), finding.vhost) if part))


def _broker(finding: Finding) -> str:
    return one_line(finding.broker.name if finding.broker else "Hareline")


def _lines(item: Item, url: str, now: datetime) -> list[str]:
    finding, body = item.finding, read_body(item.finding.body)
    about = f", {finding.kind} {one_line(finding.name)}" if finding.kind not in ("broker", "hareline") and finding.name else ""
    lines = [_headline(item), f"{_place(finding)}{about}"]
    since = finding.began
    again, at_least = ("again ", "") if finding.again_since else ("", " or before" if finding.since_at_least else "")
    if finding.closed_at is not None:
        lines.append(f"From {_moment(since)} to {_moment(finding.closed_at)}, {formatting.duration(finding.closed_at - since)}")
        lines += [f"Not watched any more: {finding.close_reason}"] if finding.close_reason not in ("", CLEARED) else []
    else:
        lines.append(f"{finding.level.capitalize()} {again}since {_moment(since)}{at_least}, {formatting.age(since, now)} ago")
    if item.event != "recovered":
        lines += [_evidence(one, now) for one in body.evidence[:MOST_EVIDENCE]]
        lines += [one_line(f"What to do: {one}") for one in body.to_do[:1]]
    return [*lines, link(url, finding)] if url else lines


CLEARED = "cleared"


def link(url: str, finding: Finding) -> str:
    """The address of a finding's page."""
    return f"{url}/findings/{finding.pk}/"


def _evidence(one: Evidence, now: datetime) -> str:
    known = ", ".join(part for part in (one.source, f"{formatting.age(one.at, now)} ago" if one.at else "") if part)
    return one_line(f"{one.name}: {one.value}{f' ({known})' if known else ''}")


def _json(item: Item, url: str, *, whole: bool) -> dict[str, Any]:
    """Past the first fifty without evidence, so that a thousand have a bounded size."""
    finding = item.finding
    found: dict[str, Any] = {
        "id": item.key,
        "event": item.event,
        "finding": finding.pk,
        "rule": finding.rule,
        "level": finding.level,
        "title": one_line(finding.title),
        "broker": finding.broker.name if finding.broker else None,
        "vhost": finding.vhost or None,
        "object": {"kind": finding.kind, "name": finding.name},
        "since": _iso(finding.began),
        "closed_at": _iso(finding.closed_at) if finding.closed_at else None,
        "close_reason": finding.close_reason or None,
        "link": link(url, finding) if url else None,
    }
    if whole:
        body = read_body(finding.body)
        found["evidence"] = msgspec.to_builtins(body.evidence)
        found["causes"] = [one.text for one in body.causes]
        found["to_do"] = body.to_do
    return found


def _bounded(lines: Sequence[str], key: str) -> str:
    text = "\n".join(lines).strip()
    ending = f"\n\nMessage {key}"
    return (text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…") + ending


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
