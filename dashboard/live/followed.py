"""A topic that somebody watches: what it has taken in of the database, and when a load that failed is tried again. Pure; times are of a monotonic clock."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dashboard.live import topics
from dashboard.live.patches import TopicPatches
from dashboard.live.topics import Topic

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 15.0
Revision = tuple[int | None, ...]
"""How often the topic's broker, and its event source if it has one, stored something."""


class Revisions(msgspec.Struct, frozen=True):
    """How often each broker, and each virtual host's event source, stored something."""

    brokers: Mapping[int, int] = {}
    sources: Mapping[tuple[int, str], int] = {}

    def of(self, topic: Topic) -> Revision:
        if topic.kind not in (topics.WORKERS, topics.TASKS):
            return (self.brokers.get(topic.broker_id),)
        return (self.brokers.get(topic.broker_id), self.sources.get((topic.broker_id, topic.vhost or "")))


class Followed:
    """Owned by the tail's thread. Each topic keeps its own place, so that one that can't be loaded holds up no other."""

    def __init__(self, topic: Topic, epoch: str) -> None:
        self.topic = topic
        self.patches = TopicPatches(topic, epoch)
        self.seen: Revision | None = None
        self.closely: frozenset[str] = frozenset()  # the rows whose costly facts are known
        self._failures = 0
        self._retry_at = 0.0

    def is_due(self, revision: Revision, at: float) -> bool:
        """True if something was stored that the topic has not taken in, or its last load failed; not while it waits after a failure."""
        return (self.seen != revision or self._failures > 0) and not self.waits(at)

    def waits(self, at: float) -> bool:
        """True for a while after a load that failed: 1 s, then twice as long each time, 15 s at most."""
        return self._failures > 0 and at < self._retry_at

    def failed(self, at: float) -> None:
        self._retry_at = at + min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(self._failures, 10))
        self._failures += 1

    def retry(self) -> None:
        """What it failed for is over: the database could not be read at all."""
        self._retry_at = 0.0

    def took_in(self, revision: Revision) -> None:
        self.seen, self._failures = revision, 0
