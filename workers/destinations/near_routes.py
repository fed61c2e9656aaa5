"""Routes that nearly fit a task's name: what somebody who wonders why a task went to the default queue has most often mistyped. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from itertools import islice

import msgspec

from brokers.routing.verdicts.verdict import difference, folded, one_character_apart

MOST_NEAR = 3
MOST_TRIED = 300


class NearRoute(msgspec.Struct, frozen=True):
    """`why` is the end of a sentence."""

    entry: str
    why: str


def near_routes(entries: Iterable[str], name: str) -> list[NearRoute]:
    """The nearest of the routes' names and globs, none of which fits.

    >>> near_routes(["tasks.mail", "shop.Tasks.*", "video.*"], "shop.tasks.mail")[0].why
    'only upper and lower case differ'
    """
    found = [(rank, NearRoute(entry, why)) for entry in islice(entries, MOST_TRIED) for rank, why in _nearness(entry, name)]
    return [near for _, near in sorted(found, key=lambda one: one[0])][:MOST_NEAR]


def _nearness(entry: str, name: str) -> list[tuple[int, str]]:
    """[(rank, why)], the nearest kind first; [] if it is not near."""
    if _fits(entry.casefold(), name.casefold()):
        return [(0, "only upper and lower case differ")]
    if folded(entry) == folded(name):
        return [(1, difference(entry, name))]
    if _fits(entry.strip(), name):
        return [(1, "only whitespace differs")]
    if one_character_apart(entry, name):
        return [(2, "one character differs")]
    left_out = next((before for before, rest in _cuts(name) if _fits(entry, rest)), None)
    if left_out and entry.strip("*."):
        return [(3, f"the task's name begins with {left_out!r} before that, and a route must fit the whole name")]
    too_much = next((before for before, rest in _cuts(entry) if rest.strip("*.") and _fits(rest, name)), None)
    return [(4, f"the task's name does not begin with {too_much!r}")] if too_much else []


def _fits(entry: str, name: str) -> bool:
    return fnmatch.fnmatchcase(name, entry) if "*" in entry else entry == name


def _cuts(dotted: str) -> list[tuple[str, str]]:
    """[(what stands before a dot, what stands after it)], at each dot."""
    return [(dotted[:at], dotted[at + 1 :]) for at, character in enumerate(dotted) if character == "."]
