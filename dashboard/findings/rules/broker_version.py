"""Queues, policies and workers that this version of the broker treats otherwise than they expect: refuses, ignores, or is about to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from brokers import parts
from brokers.models import Queue
from brokers.routing.queue_types import NO_TRANSIENT, QUORUM
from brokers.routing.versions import version_tuple
from dashboard.findings import queues
from dashboard.findings.facts import Facts
from dashboard.findings.queue_context import VersionFacts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting
from workers.models import Worker

KEY = "broker_version"
NAME = "Not as this version of the broker requires it"
ABOUT = "Transient queues, mirrored policies, shared prefetch counts and quorum queues where the version of RabbitMQ or Celery does not support them."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = ()
OPENS_AFTER = timedelta(seconds=5)
CLEARS_AFTER = timedelta(minutes=1)

DEPRECATED = (4, 0)
DETECTS_QUORUM = (5, 5)
"""Since this version Celery sets the prefetch count as quorum queues want it, and delays tasks in the broker."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    if not broker.version.startswith(("3.", "4.", "5.")):  # not RabbitMQ, or not known
        return
    version = version_tuple(broker.version)
    for one in facts.context.versions if version >= DEPRECATED else ():
        if not thresholds.is_off(KEY, one.vhost, one.vhost):
            yield from _of_vhost(one, version, facts)
    for queue in facts.context.quorum_queues:
        if not thresholds.is_off(KEY, queue.vhost, queue.name):
            yield from _of_quorum_queue(queue, facts)


def _of_vhost(one: VersionFacts, version: tuple[int, ...], facts: Facts) -> Iterable[Found]:
    pk = next((vhost.pk for vhost in facts.vhosts if vhost.name == one.vhost), None)
    object, is_at = Object("vhost", one.vhost, one.vhost, pk), Evidence("Version", facts.its_broker.software)
    if one.mirrored_policies:
        yield Found(
            KEY, object, "warning", "has policies that mirror queues, without effect", detail="mirrored",
            summary=f"{formatting.listed(one.mirrored_policies)} {'sets' if len(one.mirrored_policies) == 1 else 'set'} ha-mode, which RabbitMQ 4.0 removed.",
            meaning="Classic queues live on one node only: they are away with it.",
            evidence=[is_at, Evidence("Policies", formatting.listed(one.mirrored_policies, 5))],
            causes=[Cause("The policies were made for RabbitMQ 3.")],
            to_do=["Use quorum queues for what must survive a node, and remove ha-mode from these policies."],
            clears="when no policy has ha-mode",
        )  # fmt: skip
    if one.transient and version < NO_TRANSIENT:
        yield Found(
            KEY, object, "notice", "has transient queues that RabbitMQ 4.3 refuses", detail="transient",
            summary=f"{formatting.count(one.transient, 'queue')} {'is' if one.transient == 1 else 'are'} neither durable nor exclusive.",
            meaning="After an upgrade to RabbitMQ 4.3, clients that declare them end with an error: Celery before 5.7 does so for remote control and events.",
            evidence=[is_at, Evidence("Transient queues", f"{one.transient:,}: {formatting.listed(one.transient_names)}")],
            causes=[Cause("Celery before 5.7 declares its control and event queues so.", "durable: false, exclusive: false")],
            to_do=["Before the upgrade, upgrade Celery, or set event_queue_exclusive and control_queue_exclusive in its configuration."],
            clears="when there are none",
        )  # fmt: skip
    if one.global_prefetch:
        yield Found(
            KEY, object, "notice", "has channels with a shared prefetch count", detail="prefetch",
            summary=f"The consumers of {formatting.count(one.global_prefetch, 'channel')} share a prefetch count (global QoS).",
            meaning="RabbitMQ deprecates it and will remove it; quorum queues refuse it.",
            evidence=[is_at, Evidence("Channels", formatting.number(one.global_prefetch))],
            causes=[Cause("Celery shares the prefetch count among its queues unless it detects quorum queues (worker_detect_quorum_queues, Celery 5.5).")],
            to_do=["Nothing yet: keep Celery up to date before RabbitMQ removes it."],
            links=[Link("Show connections", "connections")],
            clears="when no channel shares one",
        )  # fmt: skip


def _of_quorum_queue(queue: Queue, facts: Facts) -> Iterable[Found]:
    workers = [worker for worker in queues.configured(facts, queue) if worker.state != Worker.GONE]
    old = [worker for worker in workers if (version := celery_version(worker)) and version < DETECTS_QUORUM]
    if old:
        names = queues.hostnames(old)
        yield Found(
            KEY, queues.object_of(queue), "warning", "is a quorum queue, which its workers' Celery does not support", detail="old",
            summary=f"{formatting.listed(names)} {'runs' if len(names) == 1 else 'run'} Celery {old[0].software.get('version', '')}; quorum queues need 5.5.",
            meaning="Celery sets a prefetch count for the whole channel, which quorum queues refuse: the worker can't consume it.",
            evidence=[Evidence("Type", QUORUM), Evidence("Consumers", formatting.number(queue.consumers), facts.its_broker.polled_at), *_versions(old)],
            causes=[Cause("Its workers' Celery is older than quorum queues in it.")],
            to_do=["Upgrade Celery to 5.5 or later, or use a classic queue."],
            links=[queues.link_to(queue)],
            clears="when its workers run Celery 5.5 or later",
        )  # fmt: skip
    holding = [worker for worker in workers if worker not in old and worker.scheduled]
    held, limit = sum(worker.scheduled or 0 for worker in holding), facts.context.consumer_limits.get((queue.vhost, queue.name))
    if limit and held >= limit and (queue.unacknowledged or 0) >= limit:
        names, used = queues.hostnames(holding), f"{formatting.number(queue.unacknowledged)} of {limit:,} that its consumers may hold"
        yield Found(
            KEY, queues.object_of(queue), "warning" if queue.ready else "notice",
            "is not taken from while its workers hold tasks until their ETA", detail="eta",
            summary=f"{formatting.listed(names)} {'holds' if len(names) == 1 else 'hold'} as many tasks with an ETA as the prefetch count allows.",
            meaning="With a quorum queue Celery can't raise the prefetch count for tasks with an ETA: other tasks wait until one of these is due.",
            evidence=[
                Evidence("Ready", formatting.number(queue.ready), facts.its_broker.polled_at),
                Evidence("Unacknowledged", used, facts.its_broker.polled_at, "by the prefetch counts that the broker lists"),
                *(Evidence(worker.hostname, f"{worker.scheduled:,} with an ETA", worker.heartbeat_at) for worker in holding[:5]),
            ],
            causes=[Cause("Tasks with a countdown or an ETA are held by workers, not by the broker.")],
            to_do=["Delay tasks in the broker, by Celery's native delayed delivery with a topic exchange for this queue."],
            links=[queues.link_to(queue)],
            clears="when its consumers hold fewer",
        )  # fmt: skip


def _versions(workers: Sequence[Worker]) -> list[Evidence]:
    return [Evidence(worker.hostname, f"Celery {worker.software.get('version', '')}", worker.heartbeat_at) for worker in workers[:5]]


def celery_version(worker: Worker) -> tuple[int, ...] | None:
    """The version of Celery that a worker node reported; None while it is not known, or if it is no Celery."""
    text = str((worker.software or {}).get("version", ""))
    is_celery = (worker.software or {}).get("ident") == "py-celery"
    return version_tuple(text)[:2] if is_celery and text[:1].isdecimal() else None
