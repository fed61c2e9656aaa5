"""Events that were lost, by the workers' own count, or that could not be understood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold, Unsure
from dashboard.findings.rules.events_unavailable import object_of
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting
from workers.models import EventSource, Worker

KEY = "events_lost"
NAME = "Events lost"
ABOUT = "Task events of a virtual host were lost, by the workers' own count of tasks, or could not be understood, within ten minutes."
NEEDS = ()
THRESHOLDS = (Threshold("events", "Events within 10 min", 10, least=1),)
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=30)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    rose = {pk: risen for (kind, pk), risen in facts.risen.items() if risen.by > 0 and kind == "lost of worker"}
    for source in facts.sources:
        place = source.vhost, object_of(source).name
        if thresholds.is_off(KEY, *place):
            continue
        workers = facts.groups.by_vhost.get(source.vhost, ())
        lost = {worker.hostname: risen for worker in (workers if rose else ()) if (risen := rose.get(worker.id))}
        refused = facts.risen.get(("refused", source.pk))
        amount = sum(risen.by for risen in lost.values()) + (refused.by if refused else 0)
        if amount and amount >= thresholds.of(KEY, "events", *place):
            yield _found(source, workers, {hostname: risen.by for hostname, risen in lost.items()}, refused.by if refused else 0, facts)
        elif (refused is None or refused.is_short(facts.now)) or source.state != EventSource.RECEIVING:
            yield Unsure("less than ten minutes of the counts is known", source.vhost, "source")


def _found(source: EventSource, workers: Sequence[Worker], lost: dict[str, int], refused: int, facts: Facts) -> Found:
    evidence, causes = [], []
    if lost:
        whose = sorted(lost, key=lambda hostname: -lost[hostname])
        evidence.append(
            Evidence("Lost", f"{sum(lost.values()):,}", facts.now, f"over 10 min, of {formatting.listed([f'{one} ({lost[one]:,})' for one in whose])}")
        )
        causes.append(Cause("The broker dropped them: the queue of events reached its limit, or the receiver's connection broke while it was full."))
        causes.append(Cause("A worker was blocked from publishing, or was killed before it had sent them."))
    if refused:
        evidence.append(Evidence("Not understood", f"{refused:,}", facts.now, f"over 10 min; for example {source.refused_example[:200] or 'not kept'}"))
        causes.append(Cause("Something that is no worker publishes to the exchange of events, or workers serialize them in a way that Hareline does not read."))
    evidence.append(Evidence("Received", f"{source.events:,}", source.received_at, "since the receiver first saw this virtual host"))
    return Found(
        KEY,
        Object("source", object_of(source).name, source.vhost, source.pk),
        "warning",
        "are being lost" if lost else "can't be understood",
        title=f"Celery’s events of {source.vhost} {'are being lost' if lost else 'can’t be understood'}",
        meaning="Tasks may be missing, or seem to run though they have ended.",
        evidence=evidence,
        causes=causes,
        to_do=["Check that the receiver keeps up (About this installation), and the length limit of the queue of events."],
        links=[Link("Worker nodes", "workers"), Link("About this installation", "about")],
        clears="10 min after the last of them",
    )
