"""The chain of the audit log: each entry carries the hash of the one before it and of its own content, so that one that was changed or removed shows. Pure.

The head, kept apart, has the number and hash of the last entry under a seal made with Hareline's secret key: where somebody who can write to the database,
but doesn't have the key, shortens the log or writes it anew, an entry states that the seal was wrong, and verifying the log fails until a person accepts that
entry.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

BEGINNING = "0" * 64
"""What the first entry has as the hash of the one before it."""
TRIM, RESEAL = "remove old audit entries", "seal the audit log anew"
"""Actions of entries that Hareline writes about the log itself."""
EXACT_INTEGERS = 2**53


class Entry(Protocol):
    """The fields of an entry that the chain covers; `dashboard.models.AuditEvent` has them."""

    number: int
    at: datetime
    user_id: int | None
    user_name: str
    address: str
    via: str
    action: str
    broker: str
    vhost: str
    name: str
    outcome: str
    intent: int | None
    detail: Any
    previous: str
    hash: str


def digest(entry: Entry) -> str:
    """The entry's hash, in hexadecimal, whatever database its content was read from."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    who = [entry.user_id, entry.user_name, entry.address, entry.via]
    what = [entry.action, entry.broker, entry.vhost, entry.name, entry.outcome, entry.intent, entry.detail]
    return hashlib.sha256(json.dumps([entry.previous, entry.number, at, *canonical(who + what)], sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def storable(value: Any) -> Any:
    """The value with texts that every database returns unchanged: no text of PostgreSQL holds a NUL, and none of any database half of a surrogate pair.

    >>> storable({"a\\x00": ["b\\x00", 1]}), storable("a\\ud800b")
    ({'a␀': ['b␀', 1]}, 'a?b')
    """
    if isinstance(value, str):
        return value.replace("\x00", "␀").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {storable(str(key)): storable(inner) for key, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list | tuple) else value


def canonical(value: Any) -> Any:
    """The value in one form, whatever a database makes of its numbers and texts: some keep 1e22 as an integer and know no negative zero. Our columns keep
    numbers as they were written; the form stays, since the hashes of what is logged already are made of it.

    >>> canonical({"a": [1e3, -0.0, 1e22, 0.5, None, True]}) == canonical({"a": [1000, 0, 10**22, 0.5, None, True]})
    True
    """
    if isinstance(value, dict):
        return {storable(str(key)): canonical(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(inner) for inner in value]
    if isinstance(value, str):
        return storable(value)  # also of what an earlier version stored in SQLite, which is moved to PostgreSQL without its NUL
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, int) and abs(value) >= EXACT_INTEGERS:
        try:
            return repr(float(value))
        except OverflowError:
            return str(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < EXACT_INTEGERS else repr(value)
    return value


def seal(secret: str, number: int, last: str, trimmed_to: int) -> str:
    """What the head has beside these, which nobody can make without the secret."""
    key = hashlib.sha256(f"hareline audit {secret}".encode()).digest()
    return hmac.new(key, f"{number}:{last}:{trimmed_to}".encode(), hashlib.sha256).hexdigest()


class Head(msgspec.Struct, frozen=True):
    number: int
    hash: str
    sealed: bool  # its seal is the one that belongs to it


class Verified(msgspec.Struct, frozen=True):
    """`problem` is a sentence about the first entry that is not as it was written, "" if all are; `resealed`: entries that state a seal which was wrong."""

    count: int
    first: int
    last: int
    last_hash: str
    problem: str = ""
    resealed: int = 0
    resealed_at: int = 0  # the number of the last one


def verify(entries: Iterable[Entry], head: Head | None, known: tuple[int, str] | None = None) -> Verified:
    """Reads all entries once, in the order of their numbers. `known` is a number and hash that somebody noted earlier."""
    first = last = count = resealed = resealed_at = 0
    last_hash, trimmed, beginning = BEGINNING, (0, BEGINNING), BEGINNING
    for entry in entries:
        if not count:
            first, last, last_hash, beginning = entry.number, entry.number - 1, entry.previous, entry.previous
        if problem := _problem(entry, last, last_hash, known):
            return Verified(count, first, last, last_hash, problem, resealed, resealed_at)
        count, last, last_hash = count + 1, entry.number, entry.hash
        if entry.action == TRIM:
            trimmed = (int(entry.detail["removed_to"]), str(entry.detail["hash"]))
        if entry.action == RESEAL:
            resealed, resealed_at = resealed + 1, entry.number
    problem = _problem_of_ends(count, first, beginning, trimmed) or _problem_of_head(head, last, last_hash) or _not_reached(known, first, last)
    return Verified(count, first, last, last_hash, problem, resealed, resealed_at)


def _problem(entry: Entry, last: int, last_hash: str, known: tuple[int, str] | None) -> str:
    if entry.number != last + 1:
        missing = f"Entry {last + 1} is" if entry.number == last + 2 else f"Entries {last + 1} to {entry.number - 1} are"
        return f"{missing} missing: after {last} comes {entry.number}."
    if entry.previous != last_hash:
        return f"Entry {entry.number} does not continue entry {last}: one of them was replaced."
    if entry.hash != digest(entry):
        return f"Entry {entry.number} was changed: its content is not the one that its hash was made of."
    if known is not None and known[0] == entry.number and known[1] != entry.hash:
        return f"Entry {entry.number} is another one than the one that was noted: the log was written anew."
    return ""


def _problem_of_ends(count: int, first: int, beginning: str, trimmed: tuple[int, str]) -> str:
    if count and (first, beginning) != (trimmed[0] + 1, trimmed[1]):
        return f"Entry {first} is the first one, and no entry states that those before it were removed: they are missing."
    return ""


def _problem_of_head(head: Head | None, last: int, last_hash: str) -> str:
    if head is None:
        return "The head of the log is missing, so entries may be missing at its end." if last else ""
    if not head.sealed:
        return "The head of the log is not the one that Hareline wrote, or HARELINE_SECRET_KEY is another one than when it was written."
    if head.number != last:
        return f"Entries {last + 1} to {head.number} are missing: the last one is {last}." if head.number > last else f"Entry {head.number + 1} was added."
    return "" if head.hash == last_hash else f"Entry {last} was replaced: the head of the log has another hash."


def _not_reached(known: tuple[int, str] | None, first: int, last: int) -> str:
    if known is None or first <= known[0] <= last:
        return ""
    return f"Entry {known[0]}, which was noted, is missing." if known[0] > last else ""
