"""The complete explanation of one message in one virtual host.

Pure. The consumers and workers of queues are None here; the dashboard fills them in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from brokers.routing.answer import AfterQueue, Alternate, Brief, Explanation, ListedBinding, Other, Step
from brokers.routing.bindings import Bound, Question
from brokers.routing.dead_lettering import InFlightMessage, in_flight
from brokers.routing.delays import delay_text
from brokers.routing.permissions import unknown_permissions
from brokers.routing.publisher import publisher_uncertainty
from brokers.routing.queue_outcome import QueueOutcome, outcome_in_queue
from brokers.routing.refusals import Message, all_keys
from brokers.routing.route import Hop, Outcome, knows, route
from brokers.routing.text import story, summary
from brokers.routing.values import Table
from brokers.routing.verdicts.evaluate import exchange_verdicts
from brokers.routing.verdicts.verdict import Verdict
from brokers.routing.virtual_host import DELAYED, VirtualHostRouter

MOST_DEAD_LETTER_STEPS = 20
MOST_QUEUE_OUTCOMES = 5_000
MOST_FOLLOWED = 100_000
"""Total number of queues that dead letters are followed to."""

DROPPED = "names a queue or exchange that does not exist, so RabbitMQ drops it at import"


def explain(router: VirtualHostRouter, message: Message, every: bool = False) -> Explanation:
    """The explanation; `every`: with the verdict on each binding, not only on matches and near misses."""
    outcome = route(router, message)
    if outcome.refusal:
        return _answer(router, message, outcome, [], [], [])
    question = Question.of(all_keys(message), message.headers or {}, router.version)
    steps = [_step(router, hop, question, every, message.headers) for hop in outcome.hops]
    published = in_flight(message, router.version)
    after = _queue_outcomes(router, published, outcome.queues)
    return _answer(router, message, outcome, steps, _dead_letter_steps(router, after, every), after)


def _queue_outcomes(router: VirtualHostRouter, message: InFlightMessage, queues: Sequence[str]) -> list[QueueOutcome]:
    """The outcome in each queue, limited to what takes a few seconds."""
    found: list[QueueOutcome] = []
    followed = 0
    for queue in queues[:MOST_QUEUE_OUTCOMES]:
        found.append(outcome_in_queue(router, message, queue, followed < MOST_FOLLOWED))
        letter = found[-1].letter
        followed += len(letter.queues) + len(letter.skipped) if letter else 0
    return found


def _answer(router: VirtualHostRouter, message: Message, outcome: Outcome, steps: list[Step], later: list[Step], after: list[QueueOutcome]) -> Explanation:
    near = [(_destination(binding), binding.why) for step in steps for binding in step.bindings if binding.near]
    delays = [step.delay for step in steps if step.delay and step.via != "dead-letter"]
    text = story(message, outcome, after, near, delays)
    uncertainties = [sentence for sentence in (unknown_permissions(router, message), publisher_uncertainty(router, message)) if sentence]
    uncertain = any(one.uncertainties or (one.letter and one.letter.uncertainties) for one in after)
    return Explanation(
        outcome=outcome_name(outcome),
        refused=outcome.refusal.name if outcome.refusal else None,
        reason=summary(message, outcome, delays),
        queues=outcome.queues,
        possible=outcome.possible,
        one_of=outcome.results if len(outcome.results) > 1 else None,
        certain=outcome.certain and not uncertainties and not uncertain,
        steps=steps + later,
        after=[_after(one) for one in after],
        text=" ".join([text, *_dropped(steps), *uncertainties]),
    )


def _dropped(steps: list[Step]) -> list[str]:
    """A sentence on bindings of the definitions that do not exist in a broker."""
    found = [(step.exchange, other.count) for step in steps for other in step.others if other.why == DROPPED]
    return [f"{exchange} has {_bindings(count)} that RabbitMQ drops at import, because what they lead to does not exist." for exchange, count in found]


def _bindings(count: int) -> str:
    return "a binding" if count == 1 else f"{count:,} bindings"


def outcome_name(outcome: Outcome) -> str:
    """refused, unknown (an exchange whose rules are not known is on the path), routed or unroutable."""
    if outcome.refusal:
        return "refused"
    if outcome.unknown:
        return "unknown"
    return "routed" if outcome.queues else "unroutable"


def _destination(binding: ListedBinding) -> str:
    return f"{binding.destination_type} {binding.destination}"


def _step(router: VirtualHostRouter, hop: Hop, question: Question, every: bool, headers: Table | None) -> Step:
    verdicts = exchange_verdicts(router, hop, question, every)
    dropped = sum(binding.source == hop.exchange for binding in router.contents.dropped)
    others = _others(verdicts.others, dropped)
    return Step(
        exchange=hop.exchange,
        type=hop.type,
        rules=hop.rules,
        via=hop.via,
        keys=list(question.keys),
        alternate=_alternate(router, hop),
        delay=delay_text(headers) if hop.type == DELAYED else None,
        unknown=not knows(hop.rules),
        perhaps=hop.perhaps,
        bindings=[_binding(binding, verdict) for binding, verdict in (*verdicts.listed, *(verdicts.rest or ()))],
        others=others if verdicts.rest is None else _others(Counter(), dropped),
        brief=None if verdicts.rest is None else Brief(len(verdicts.listed), others),
    )


def _others(counts: Counter[str], dropped: int) -> list[Other]:
    """The most frequent reason first."""
    return [Other(why, count) for why, count in (counts + Counter({DROPPED: dropped})).most_common()]


def _alternate(router: VirtualHostRouter, hop: Hop) -> Alternate | None:
    """The alternate exchange, where it is configured, and whether it was used; None without one."""
    if hop.exchange == "":
        return None
    named, effective = router.alternate(hop.exchange)
    return Alternate(named, f"policy {effective.policy}" if effective.policy else "argument", hop.alternate is not None) if named else None


def _binding(binding: Bound, verdict: Verdict) -> ListedBinding:
    return ListedBinding(
        binding.source,
        binding.destination,
        binding.destination_type,
        binding.routing_key,
        dict(binding.arguments),
        verdict.matched,
        verdict.near,
        verdict.why,
    )


def _dead_letter_steps(router: VirtualHostRouter, after: Sequence[QueueOutcome], every: bool) -> list[Step]:
    """The exchanges that dead letters of these queues pass through, once for each set of keys."""
    steps: list[Step] = []
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for one in after:
        if one.letter is None:
            continue
        letter = one.letter.message
        keys = (*letter.keys, *letter.hidden)
        if (letter.exchange, keys) in seen or len(steps) >= MOST_DEAD_LETTER_STEPS:
            continue
        seen.add((letter.exchange, keys))
        question = Question.of(keys, letter.headers, router.version)
        steps += [_step(router, hop, question, every, letter.headers) for hop in one.letter.hops]
    return steps


def _after(one: QueueOutcome) -> AfterQueue:
    return AfterQueue(
        queue=one.queue,
        ttl_ms=one.ttl_ms,
        max_length=one.max_length,
        max_length_bytes=one.max_length_bytes,
        overflow=one.overflow,
        delivery_limit=one.delivery_limit,
        max_priority=one.max_priority,
        single_active_consumer=one.single_active_consumer,
        expires_ms=one.expires_ms,
        type=one.type or None,
        policy=one.policy,
        operator_policy=one.operator_policy,
        passed_over=one.passed_over,
        dead_letter=one.dead_letter,
        uncertainties=(*one.uncertainties, *(one.letter.uncertainties if one.letter else ())),
        notes=one.notes,
    )
