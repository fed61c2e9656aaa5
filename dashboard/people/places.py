"""A place as people enter and read it: a broker, a virtual host and queues, each a pattern or "" for all. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from brokers.characters import is_storable
from brokers.scope import Place

FIELDS = {"broker": ("Broker", 200), "vhost": ("Virtual host", 255), "queue": ("Queues", 255)}
"""Each field with its label and the most characters."""


def entered(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(the patterns, what is wrong by field). "*" alone is all, like an empty field.

    >>> entered({"vhost": " /shop ", "queue": "*"})
    ({'broker': '', 'vhost': '/shop', 'queue': ''}, {})
    """
    patterns = {name: given.get(name, "").strip() for name in FIELDS}
    patterns = {name: "" if pattern and not pattern.strip("*") else pattern for name, pattern in patterns.items()}
    problems = {
        name: f"At most {most} characters, none of them invisible."
        for name, (_, most) in FIELDS.items()
        if len(patterns[name]) > most or not is_storable(patterns[name])
    }
    return patterns, problems


def place_of(patterns: Mapping[str, str]) -> Place:
    return Place(*((patterns[name],) if patterns[name] else () for name in FIELDS))


def place_text(broker: str, vhost: str, queue: str) -> str:
    """Where, in words.

    >>> place_text("prod", "/shop", "orders.*"), place_text("", "", "")
    ('on prod, in /shop, of queues orders.*', 'everywhere')
    """
    parts = [f"on {broker}" if broker else "", f"in {vhost}" if vhost else "", f"of queues {queue}" if queue else ""]
    return ", ".join(part for part in parts if part) or "everywhere"


def coverage_text(queues: int, vhosts: int) -> str:
    """What a place covers now.

    >>> coverage_text(12, 2), coverage_text(0, 0)
    ('Covers 12 queues in 2 virtual hosts now, Celery’s own included.', 'Covers no queue that exists now.')
    """
    if not queues:
        return "Covers no queue that exists now."
    return f"Covers {queues:,} queue{'' if queues == 1 else 's'} in {vhosts:,} virtual host{'' if vhosts == 1 else 's'} now, Celery’s own included."
