"""A whole explanation of one message in one virtual host, in the JSON of docs/routing.md.

Pure. Consumers and workers of the queues are null here: the dashboard, which knows them, fills them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brokers.routing.bindings import Bound, Question
from brokers.routing.dead_lettering import Travelling, departing
from brokers.routing.permissions import unknown_rights
from brokers.routing.queue_outcome import Afterwards, afterwards
from brokers.routing.refusals import Message, all_keys
from brokers.routing.route import Hop, Outcome, route
from brokers.routing.text import story, summary
from brokers.routing.verdicts.evaluate import judge
from brokers.routing.verdicts.verdict import Verdict
from brokers.routing.virtual_host import VirtualHostRouter

MOST_DEAD_LETTER_STEPS = 20
MOST_AFTERWARDS = 5_000
MOST_FOLLOWED = 100_000
"""Queues that dead letters are led to, all together."""

JSON = dict[str, Any]


def explain(router: VirtualHostRouter, message: Message, every: bool = False) -> JSON:
    """The explanation; `every`: each binding's verdict, not only matched ones and near misses."""
    outcome = route(router, message)
    if outcome.refusal:
        return _answer(router, message, outcome, [], [], [])
    question = Question.of(all_keys(message), message.headers or {}, router.version)
    steps = [_step(router, hop, question, every) for hop in outcome.hops]
    travelling = departing(message, router.version)
    after = _all_afterwards(router, travelling, outcome.queues)
    return _answer(router, message, outcome, steps, _dead_letter_steps(router, after, every), after)


def _all_afterwards(router: VirtualHostRouter, message: Travelling, queues: Sequence[str]) -> list[Afterwards]:
    """One a queue, as long as that takes no more than a few seconds."""
    found: list[Afterwards] = []
    followed = 0
    for queue in queues[:MOST_AFTERWARDS]:
        found.append(afterwards(router, message, queue, followed < MOST_FOLLOWED))
        letter = found[-1].letter
        followed += len(letter.queues) + len(letter.skipped) if letter else 0
    return found


def _answer(router: VirtualHostRouter, message: Message, outcome: Outcome, steps: list[JSON], later: list[JSON], after: list[Afterwards]) -> JSON:
    near = [(_destination(binding), binding["why"]) for step in steps for binding in step["bindings"] if binding["near"]]
    text = story(message, outcome, after, near)
    rights = unknown_rights(router, message)
    return {
        "outcome": "refused" if outcome.refusal else "routed" if outcome.queues else "unroutable",
        "refused": outcome.refusal.name if outcome.refusal else None,
        "reason": summary(message, outcome),
        "queues": outcome.queues,
        "one_of": outcome.results if len(outcome.results) > 1 else None,
        "certain": outcome.certain and not rights,
        "steps": steps + later,
        "after": [_after(one) for one in after],
        "text": f"{text} {rights}" if rights else text,
    }


def _destination(binding: JSON) -> str:
    return f"{binding['destination_type']} {binding['destination']}"


def _step(router: VirtualHostRouter, hop: Hop, question: Question, every: bool) -> JSON:
    judged = judge(router, hop, question, every)
    return {
        "exchange": hop.exchange,
        "type": hop.type,
        "via": hop.via,
        "keys": list(question.keys),
        "alternate": _alternate(router, hop),
        "bindings": [_binding(binding, verdict) for binding, verdict in judged.told],
        "others": [{"why": why, "count": count} for why, count in judged.others.most_common()],
    }


def _alternate(router: VirtualHostRouter, hop: Hop) -> JSON | None:
    """Where messages go that match nothing there, and who says so."""
    if hop.exchange == "":
        return None
    named, effective = router.alternate(hop.exchange)
    return {"exchange": named, "from": f"policy {effective.policy}" if effective.policy else "argument", "used": hop.alternate is not None} if named else None


def _binding(binding: Bound, verdict: Verdict) -> JSON:
    return {
        "source": binding.source,
        "destination": binding.destination,
        "destination_type": binding.destination_type,
        "routing_key": binding.routing_key,
        "arguments": dict(binding.arguments),
        "matched": verdict.matched,
        "near": verdict.near,
        "why": verdict.why,
    }


def _dead_letter_steps(router: VirtualHostRouter, after: Sequence[Afterwards], every: bool) -> list[JSON]:
    """The exchanges that dead letters of these queues pass, each with the same keys once."""
    steps: list[JSON] = []
    told: set[tuple[str, tuple[str, ...]]] = set()
    for one in after:
        if one.letter is None:
            continue
        letter = one.letter.message
        keys = (*letter.keys, *letter.hidden)
        if (letter.exchange, keys) in told or len(steps) >= MOST_DEAD_LETTER_STEPS:
            continue
        told.add((letter.exchange, keys))
        question = Question.of(keys, letter.headers, router.version)
        steps += [_step(router, hop, question, every) for hop in one.letter.hops]
    return steps


def _after(one: Afterwards) -> JSON:
    dead = one.dead_letter
    return {
        "queue": one.queue,
        "ttl_ms": one.ttl_ms,
        "max_length": one.max_length,
        "max_length_bytes": one.max_length_bytes,
        "overflow": one.overflow,
        "delivery_limit": one.delivery_limit,
        "max_priority": one.max_priority,
        "single_active_consumer": one.single_active_consumer,
        "dead_letter": dead
        and {
            "exchange": dead.exchange,
            "keys": list(dead.keys),
            "reasons": list(dead.reasons),
            "queues": list(dead.queues),
            "cycle": dead.cycle,
        },
        "consumers": None,
        "workers": None,
        "doubts": [*one.doubts, *(one.letter.doubts if one.letter else ())],
    }
