"""The queues of `routed_app`, which its sender has too."""

from __future__ import annotations

from kombu import Exchange, Queue


def routed_queues() -> list[Queue]:
    return [Queue("jobs"), Queue("feeds", Exchange("media", "topic"), routing_key="feed.#", queue_arguments={"x-max-priority": 5})]
