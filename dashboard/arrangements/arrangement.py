"""Which of the five arrangements the machines of producers, broker and consumers make. Pure.

Three roles share machines in five ways. Where roles are on several machines each, every pair of a producer's and a consumer's machine makes one of them:
several at once where these differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from dashboard.arrangements.machines import Machine

Word = Literal["all_on_one", "producer_with_broker", "broker_with_consumer", "producer_with_consumer", "all_apart", "several", "unknown"]
ALL_ON_ONE: Word = "all_on_one"
PRODUCER_WITH_BROKER: Word = "producer_with_broker"
BROKER_WITH_CONSUMER: Word = "broker_with_consumer"
PRODUCER_WITH_CONSUMER: Word = "producer_with_consumer"
ALL_APART: Word = "all_apart"
SEVERAL: Word = "several"
UNKNOWN: Word = "unknown"
FIVE: tuple[Word, ...] = (ALL_ON_ONE, PRODUCER_WITH_BROKER, BROKER_WITH_CONSUMER, PRODUCER_WITH_CONSUMER, ALL_APART)
MOST_PAIRS = 10_000


class Arrangement(msgspec.Struct, frozen=True):
    """`parts`: the arrangements of the pairs, with the machines (producer, consumer) of each; empty where it is unknown. `unknown`: why, as clauses."""

    word: Word
    parts: Mapping[Word, Sequence[tuple[str, str]]] = {}
    unknown: Sequence[str] = ()


def of_three(producer: str, broker: str, consumer: str) -> Word:
    """The arrangement of three machines, given by name.

    >>> of_three("a", "a", "a"), of_three("a", "a", "b"), of_three("a", "b", "b"), of_three("a", "b", "a"), of_three("a", "b", "c")
    ('all_on_one', 'producer_with_broker', 'broker_with_consumer', 'producer_with_consumer', 'all_apart')
    """
    if producer == broker:
        return ALL_ON_ONE if broker == consumer else PRODUCER_WITH_BROKER
    if broker == consumer:
        return BROKER_WITH_CONSUMER
    return PRODUCER_WITH_CONSUMER if producer == consumer else ALL_APART


def arrangement(producers: Iterable[Machine], broker: Machine, consumers: Iterable[Machine]) -> Arrangement:
    """The arrangement of a flow's machines; unknown as soon as one of them is, or where nobody produces or consumes.

    >>> arrangement([Machine("web")], Machine("mq"), [Machine("mq"), Machine("worker")]).word
    'several'
    """
    producing, consuming = sorted(set(producers)), sorted(set(consumers))
    everyone = [*producing, broker, *consuming]
    why = list(dict.fromkeys(machine.unknown for machine in everyone if machine.unknown))
    why += ["no connection is known to publish to it now"] * (not producing) + ["nothing consumes it"] * (not consuming)
    contained = [machine.name for machine in everyone if machine.contained]
    if contained and len({machine.name for machine in everyone}) > 1:
        why.append(f"{contained[0]} looks like a container, which may share its machine with others")
    by_name, by_address = ([machine.name for machine in everyone if machine.known_by == what] for what in ("name", "address"))
    if by_name and by_address:
        why.append(f"of {by_name[0]} only the host name is known and of {by_address[0]} only the address, so they can’t be compared")
    if why:
        return Arrangement(UNKNOWN, unknown=why)
    if len(producing) * len(consuming) > MOST_PAIRS:
        return Arrangement(UNKNOWN, unknown=[f"{len(producing):,} machines produce and {len(consuming):,} consume: too many to compare"])
    parts: dict[Word, list[tuple[str, str]]] = {}
    for producer in producing:
        for consumer in consuming:
            parts.setdefault(of_three(producer.name, broker.name, consumer.name), []).append((producer.name, consumer.name))
    return Arrangement(next(iter(parts)) if len(parts) == 1 else SEVERAL, {word: parts[word] for word in FIVE if word in parts})


def of_possible(producers: Sequence[Machine], broker: Machine, consumers: Iterable[Machine]) -> Arrangement:
    """The arrangement where each of these may be the one producer, and it is not known which: known if it is the same with each of them."""
    consuming = list(consumers)
    found = [arrangement([one], broker, consuming) for one in producers]
    if found and all(one.word == found[0].word and one.word in FIVE for one in found):
        return arrangement(producers, broker, consuming)
    why = list(dict.fromkeys(reason for one in found for reason in one.unknown))
    return Arrangement(UNKNOWN, unknown=why or ["which of the connections that publish do so to it is not known"])
