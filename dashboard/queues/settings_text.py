"""Every argument and policy key of a queue with its source, one sentence, and whether it is in force.

Pure. What the settings mean together for a message is in `dashboard.queues.text`.
"""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.layout.formatting import shown
from dashboard.queues.text import Definitions, QueueFacts, Rule, Setting, declared_settings, rules

SENTENCES = {
    "message-ttl": "How many milliseconds a message may wait here before it expires.",
    "expires": "After how many milliseconds without consumers and declarations the queue deletes itself.",
    "max-length": "How many ready messages the queue holds before overflow applies.",
    "max-length-bytes": "How many bytes of message bodies the queue holds before overflow applies.",
    "overflow": "What is dropped when a length limit is reached: the oldest message, or the new one.",
    "dead-letter-exchange": "Where expired, rejected and overflowed messages are republished.",
    "dead-letter-routing-key": "The routing key of dead letters; if not set, they keep their own.",
    "dead-letter-strategy": "Whether dead letters are transferred at most once, or at least once with confirms.",
    "max-priority": "The highest priority the queue supports; higher priorities are delivered first.",
    "queue-type": "How the queue is built: classic, quorum (replicated by Raft) or stream (a log).",
    "queue-mode": "lazy moves messages to disk as early as possible; RabbitMQ 3.12 and later ignore it.",
    "queue-version": "The storage format of a classic queue.",
    "single-active-consumer": "Only one consumer gets messages at a time; the others stand by.",
    "delivery-limit": "How often a message may be redelivered before it is dead-lettered or dropped.",
    "quorum-initial-group-size": "How many nodes a quorum queue is placed on when it is declared.",
    "queue-leader-locator": "Which node becomes the leader of a new queue.",
    "queue-master-locator": "Which node hosts a new classic queue.",
    "max-age": "How old the segments of a stream may become before they are removed.",
    "stream-max-segment-size-bytes": "How large one file of a stream becomes.",
    "stream-filter-size-bytes": "How large the filter of one stream chunk is.",
    "initial-cluster-size": "How many nodes a stream is placed on when it is declared.",
    "max-in-memory-length": "How many messages a quorum queue keeps in memory; RabbitMQ 3.10 and later ignore it.",
    "max-in-memory-bytes": "How many bytes a quorum queue keeps in memory; RabbitMQ 3.10 and later ignore it.",
    "consumer-timeout": "How many milliseconds a consumer may keep a message unacknowledged before its channel is closed.",
    "ha-mode": "On which nodes a classic queue is mirrored; RabbitMQ 4 has no mirrors.",
    "ha-params": "How many, or which, nodes hold a mirror.",
    "ha-sync-mode": "Whether new mirrors copy existing messages automatically.",
    "ha-promote-on-shutdown": "Whether a lagging mirror may take over after a clean shutdown.",
    "ha-promote-on-failure": "Whether a lagging mirror may take over after a crash.",
    "federation-upstream": "From which upstream messages are pulled.",
    "federation-upstream-set": "From which set of upstreams messages are pulled.",
}


WITHOUT_EFFECT: Mapping[tuple[int, ...], frozenset[str]] = {
    (3, 10): frozenset({"max-in-memory-length", "max-in-memory-bytes"}),
    (3, 12): frozenset({"queue-mode"}),
    (4,): frozenset({"ha-mode", "ha-params", "ha-sync-mode", "ha-sync-batch-size", "ha-promote-on-shutdown", "ha-promote-on-failure"}),
}
"""The first version that ignores these keys."""


def settings_with_text(queue: QueueFacts, policy: Definitions = None, operator_policy: Definitions = None, broker_version: str = "") -> list[Setting]:
    """Every setting by key, the one in force first where several sources set the same key; [] for a queue without any."""
    force, version = rules(queue, policy, operator_policy), _numbers(broker_version)
    found = [
        Setting(rule.key, shown(rule.value), _source(rule.source), SENTENCES.get(rule.key, "Unknown to Hareline."), _why_not(rule, force, version))
        for rule in declared_settings(queue, policy, operator_policy)
    ]
    return sorted(found, key=lambda entry: (entry.key, not entry.in_force))


def _why_not(rule: Rule, force: Mapping[str, Rule], version: tuple[int, ...]) -> str:
    """Why the setting is not in force, "" if it is."""
    if force[rule.key] != rule:
        return "another source takes precedence"
    if any(version >= first and rule.key in keys for first, keys in WITHOUT_EFFECT.items()):
        return f"RabbitMQ {'.'.join(map(str, version))} ignores it"
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    """
    >>> _numbers("4.0.5"), _numbers("3.13.0-rc.1"), _numbers("")
    ((4, 0, 5), (3, 13, 0), ())
    """
    return tuple(int(part) for part in version.partition("-")[0].split(".") if part.isdecimal())


def _source(source: str) -> str:
    return "queue argument" if source.startswith("argument ") else source  # the row names the key already
