"""The head of the overview: its sentence, what is all clear, and the lines of notices. Nothing is all clear while anything is unknown, the rules do not
look, or a broker does not respond.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from django.urls import reverse

from dashboard.layout import formatting
from dashboard.layout.levels import Level
from dashboard.models import Finding
from dashboard.workers.visibility import unknown_by_reason
from workers.models import Worker


class Seen(msgspec.Struct, frozen=True):
    """What the sentence is about: queues listed, those that hold messages without a consumer, those about which nothing is known, workers likewise."""

    queues: int
    resting: int = 0
    unclear: int = 0
    unknown_workers: int = 0
    hidden: bool = False  # there are queues that Hareline's user may not see


class Line(msgspec.Struct, frozen=True):
    """A line below the problems: a level, a name, and the address of its page; the level's reason follows the name."""

    level: Level
    name: str
    address: str


def sentence(troubles: int, seen: Seen, unavailable: Sequence[str] = (), knows: bool = True) -> str:
    """The heading of the overview; `knows` False: the rules have not looked lately. `unavailable`: brokers that do not respond, before that is a finding.

    >>> sentence(0, Seen(16)), sentence(0, Seen(16, 2)), sentence(3, Seen(16)), sentence(0, Seen(0)), sentence(0, Seen(0, hidden=True))
    ('No problems in 16 queues', '2 of 16 queues hold messages without a consumer', '3 problems', 'No queues yet', 'Queues are not visible to Hareline')
    >>> sentence(0, Seen(16, unclear=3)), sentence(0, Seen(16, hidden=True)), sentence(0, Seen(16), knows=False)
    ('No problems known; 3 of 16 queues are unknown', 'No problems in 16 queues visible to Hareline', 'Problems in 16 queues are unknown')
    >>> sentence(0, Seen(0), ["prod"]), summary(0, 0, Seen(0), knows=False)
    ('prod is not visible', 'What is unknown may need you.')
    """
    if troubles:
        return formatting.count(troubles, "problem")
    if unavailable:
        return f"{formatting.listed(unavailable)} {'is' if len(unavailable) == 1 else 'are'} not visible"
    if seen.queues == 0:
        return "Queues are not visible to Hareline" if seen.hidden else "No queues yet"
    queues = formatting.count(seen.queues, "queue")
    if not knows:
        return f"Problems in {queues} are unknown"
    if seen.unclear:
        return f"No problems known; {seen.unclear:,} of {queues} {'is' if seen.unclear == 1 else 'are'} unknown"
    if seen.resting:
        return f"{seen.resting:,} of {queues} {'holds' if seen.resting == 1 else 'hold'} messages without a consumer"
    return f"No problems in {queues}{' visible to Hareline' if seen.hidden else ''}"


def summary(troubles: int, notices: int, seen: Seen, knows: bool = True) -> str:
    """The line under the heading: whether all is clear, or how many notices follow; "" with incidents, which speak for themselves.

    >>> summary(0, 2, Seen(16)), summary(0, 0, Seen(16, unclear=1))
    ('2 notices.', 'What is unknown may need you.')
    """
    if troubles:
        return ""
    unknown = not knows or seen.unclear or seen.unknown_workers or seen.hidden
    parts = ["What is unknown may need you."] if unknown else [] if notices else ["All clear."]
    return " ".join(parts + [f"{formatting.count(notices, 'notice')}."] * bool(notices))


def unknown_workers(workers: Iterable[Worker], address: str) -> list[Line]:
    """The worker nodes whose state is unknown, one line for each reason of a virtual host."""
    return [
        Line(
            Level("unknown", f"in {vhost} {'is' if amount == 1 else 'are'} unknown: {reason.rstrip('.') or 'no heartbeat received yet'}"),
            formatting.count(amount, "worker node"),
            address,
        )
        for vhost, reason, amount in unknown_by_reason(workers)
    ]


def noticed(found: Iterable[Finding]) -> list[Line]:
    """The findings that are only worth a look, each leading to its page."""
    return [Line(Level("notice", ""), one.title, reverse("finding", args=[one.pk])) for one in found]
