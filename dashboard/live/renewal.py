"""What viewers share between two polls, worked out again as soon as a poll was stored: the first page after it is as quick as the others."""

from __future__ import annotations

from brokers import queries
from brokers.queries import kept
from brokers.queries.one_moment import one_moment
from brokers.scope import EVERYTHING
from dashboard.live.background import Background

SHARE = 20
AFTER_SECONDS = 0.1  # the patches of the same poll go first


def renew() -> int:
    """How many answers were out of date."""
    with one_moment():
        return kept.renew(queries.brokers(EVERYTHING))


RENEWAL = Background("kept-renewal", renew, SHARE, AFTER_SECONDS, rest_seconds=0.5)
"""That of this process; `dashboard.asgi` starts it."""
