"""Every argument and policy key of a queue in one sentence, with its source and whether it is the one in force.

Pure. What the settings do together is told in `dashboard.queues.text`.
"""

from __future__ import annotations

import json
from typing import Any

from dashboard.queues.text import Definitions, Explained, QueueFacts, claims, rules

SENTENCES = {
    "message-ttl": "How many milliseconds a message may wait here before it expires.",
    "expires": "After how many milliseconds without consumers and declarations the queue deletes itself.",
    "max-length": "How many ready messages the queue holds before overflow decides.",
    "max-length-bytes": "How many bytes of bodies the queue holds before overflow decides.",
    "overflow": "What gives way when a length limit is reached: the head of the queue, or the new message.",
    "dead-letter-exchange": "Where expired, rejected and displaced messages are published again.",
    "dead-letter-routing-key": "The routing key of dead letters; without it they keep their own.",
    "dead-letter-strategy": "Whether dead letters are handed over at most once, or at least once with confirms.",
    "max-priority": "How many priorities the queue keeps apart; the highest goes out first.",
    "queue-type": "How the queue is built: classic, quorum (replicated by Raft) or stream (a log).",
    "queue-mode": "lazy moves messages to disk as early as possible; RabbitMQ 3.12 and later ignore it.",
    "queue-version": "The storage format of a classic queue.",
    "single-active-consumer": "Only one consumer gets messages at a time; the others stand by.",
    "delivery-limit": "How often a message may be delivered again before it dies.",
    "quorum-initial-group-size": "How many nodes a quorum queue is placed on when it is declared.",
    "queue-leader-locator": "Which node becomes the leader of a new queue.",
    "queue-master-locator": "Which node becomes the home of a new classic queue.",
    "max-age": "How old the segments of a stream become before they are cut off.",
    "stream-max-segment-size-bytes": "How large one file of a stream becomes.",
    "stream-filter-size-bytes": "How large the filter of one stream chunk is.",
    "initial-cluster-size": "How many nodes a stream is placed on when it is declared.",
    "max-in-memory-length": "How many messages a quorum queue keeps in memory; RabbitMQ 3.10 and later ignore it.",
    "max-in-memory-bytes": "How many bytes a quorum queue keeps in memory; RabbitMQ 3.10 and later ignore it.",
    "consumer-timeout": "How many milliseconds a consumer may keep a message unacknowledged before its channel is closed.",
    "ha-mode": "On which nodes a classic queue is mirrored; RabbitMQ 4 has no mirrors.",
    "ha-params": "How many, or which, nodes hold a mirror.",
    "ha-sync-mode": "Whether new mirrors copy old messages by themselves.",
    "ha-promote-on-shutdown": "Whether a mirror that lags may take over after an orderly stop.",
    "ha-promote-on-failure": "Whether a mirror that lags may take over after a crash.",
    "federation-upstream": "From which upstream messages are pulled.",
    "federation-upstream-set": "From which set of upstreams messages are pulled.",
}


def explained(queue: QueueFacts, policy: Definitions = None, operator_policy: Definitions = None) -> list[Explained]:
    """Every setting by key, the one in force first where several claim the same key; [] for a queue without any."""
    force = rules(queue, policy, operator_policy)
    found = [
        Explained(rule.key, shown(rule.value), rule.source, SENTENCES.get(rule.key, "Not a key that Hareline knows."), force[rule.key] == rule)
        for rule in claims(queue, policy, operator_policy)
    ]
    return sorted(found, key=lambda entry: (entry.key, not entry.in_force))


def shown(value: Any) -> str:
    """A value as people write it: whole numbers with separators, text as it is, anything else as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
