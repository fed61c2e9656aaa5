"""The patterns of the lab: what each shows, what it claims, and the plan that a person's knobs make of it. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workers.lab import plans
from workers.lab.knobs import Check, Knobs
from workers.lab.plan import Plan


class Pattern(msgspec.Struct, frozen=True):
    """`text`: three sentences. `claim`: what is measured against it, by the function `measured` of `workers.lab.claims`. `offers`: knobs, by name.
    `checks`: of knobs with several lines, what is wrong with one of them."""

    key: str
    name: str
    text: tuple[str, str, str]
    claim: str
    measured: str
    plan: Callable[[Knobs], Plan]
    defaults: Knobs
    offers: tuple[str, ...]
    checks: dict[str, Check] = {}


POOL = ("nodes", "processes", "prefetch", "rate", "work_ms")
EACH = ("processes", "prefetch", "rate", "work_ms", "keys", "bindings")
_FOUND = (
    Pattern(
        "work_queue",
        "Work queue",
        (
            "One queue, and several worker nodes that consume it: each message goes to one of them.",
            "The broker hands messages out in turn, round-robin, to every consumer whose prefetch is not used up.",
            "Add a node, and the work is spread over one more: this is point-to-point, how Celery uses RabbitMQ.",
        ),
        "Every node gets an equal share, within 5 percentage points, while none of them is busy.",
        "even",
        plans.work_queue,
        Knobs(rate=12.0, work_ms=20),
        POOL,
    ),
    Pattern(
        "publish_subscribe",
        "Publish-subscribe",
        (
            "A fanout exchange copies each message into every queue that is bound to it, and each subscriber has a queue of its own.",
            "The routing key plays no part.",
            "A subscriber that comes later gets what is published from then on, and one that is slow holds up nobody else.",
        ),
        "Every subscriber gets exactly one copy of each message.",
        "copies",
        plans.publish_subscribe,
        Knobs(rate=5.0),
        POOL,
    ),
    Pattern(
        "routing",
        "Routing",
        (
            "A direct exchange compares the routing key of a message with the binding key of each queue, and only an equal one matches.",
            "Several queues may be bound with the same key: then each gets a copy.",
            "A message whose key matches nothing is dropped, unless the exchange has an alternate.",
        ),
        "Every message reaches exactly the queues whose binding key is its routing key.",
        "matched",
        plans.routing,
        Knobs(rate=5.0, keys=("new", "paid", "cancelled", "unknown"), bindings=("new", "paid", "cancelled")),
        EACH,
    ),
    Pattern(
        "topics",
        "Topics",
        (
            "A topic exchange compares the routing key word by word with patterns: * stands for one word, # for any number of words.",
            "A message goes to each queue with a pattern that matches, once.",
            "So order.new.eu reaches the queue of all orders in the EU (order.*.eu), and the queue of all that are new (order.new.*).",
        ),
        "Every message reaches exactly the queues with a pattern that matches its routing key.",
        "matched",
        plans.topics,
        Knobs(rate=5.0, keys=("order.new.eu", "order.new.us", "order.paid.eu", "stock.low"), bindings=("order.*.eu", "order.new.*", "#")),
        EACH,
    ),
    Pattern(
        "headers",
        "Headers",
        (
            "A headers exchange looks at the headers of a message instead of its routing key.",
            "A binding names headers and their values, and whether all or any of them must agree (x-match).",
            "Use it where what decides has several parts that are in no order.",
        ),
        "Every message reaches exactly the queues whose headers agree with its own.",
        "matched",
        plans.headers,
        Knobs(
            rate=5.0,
            keys=("format=pdf kind=invoice", "format=png kind=photo", "format=png kind=invoice"),
            bindings=("all format=pdf kind=invoice", "any format=png kind=invoice", "all kind=photo"),
        ),
        EACH,
        {"keys": plans.header_line, "bindings": plans.binding_of_headers},
    ),
    Pattern(
        "request_reply",
        "Request and reply",
        (
            "The producer names a queue in reply_to and an id in correlation_id, and publishes its request to a work queue.",
            "The worker node that takes it sends the result to that queue with the same id: Celery's result backend rpc does so.",
            "Any node may answer, and the producer matches replies with requests by their id alone.",
        ),
        "Every request gets exactly one reply, with its own id.",
        "replies",
        plans.request_reply,
        Knobs(nodes=2, rate=5.0),
        POOL,
    ),
    Pattern(
        "prefetch",
        "Different prefetch",
        (
            "Several worker nodes compete for one queue, and each takes as many messages ahead as its prefetch allows.",
            "The first takes one for each process, the others take 4 and 16 times the prefetch that is set.",
            "What one has taken no other can have: with a high prefetch messages wait beside a busy node while others are idle.",
        ),
        "No node holds more unacknowledged messages than its prefetch.",
        "held",
        plans.prefetch,
        Knobs(rate=20.0, work_ms=250),
        POOL,
    ),
    Pattern(
        "slow_node",
        "A slow node",
        (
            "One of the worker nodes takes four times as long for each message as the others.",
            "With a prefetch of one the broker gives it a message only when it has acknowledged the last: it gets less, and holds up nobody.",
            "Raise the prefetch to see messages wait behind it that others could have done.",
        ),
        "While messages wait, each node does a share in proportion to its speed, within 10 percentage points.",
        "speed",
        plans.slow_node,
        Knobs(rate=20.0, work_ms=150),
        POOL,
    ),
    Pattern(
        "priority",
        "Priority",
        (
            "A queue with x-max-priority hands out the messages of the highest priority first.",
            "It makes a difference only while messages wait, and only for those that no consumer has taken ahead.",
            "Here more messages come than one node can do, so that those of a low priority wait longest.",
        ),
        "Messages of the highest priority wait less than those of the lowest.",
        "priority",
        plans.priority,
        Knobs(nodes=1, rate=10.0, work_ms=100),
        ("processes", "prefetch", "rate", "work_ms"),
    ),
    Pattern(
        "retry",
        "Dead-letter and retry",
        (
            "A worker node that cannot do a message now rejects it, and the queue dead-letters it to a queue where it waits.",
            "That queue has no consumer: its time-to-live of one second ends, and it dead-letters the message back.",
            "Here each message fails twice and succeeds the third time; x-death counts how often it was dead-lettered.",
        ),
        "Every message is tried three times, at least a second apart.",
        "tries",
        plans.retry,
        Knobs(nodes=2, rate=3.0, work_ms=20),
        POOL,
    ),
    Pattern(
        "alternate",
        "Alternate exchange",
        (
            "A direct exchange hands what none of its bindings matches to its alternate exchange, instead of dropping it.",
            "The alternate is a fanout exchange with one queue, which so collects what has no other destination.",
            "Publish a key that has no binding, and find it there.",
        ),
        "Every message reaches the queue of its key, or the one of the alternate exchange where there is none.",
        "matched",
        plans.alternate,
        Knobs(rate=5.0, keys=("new", "paid", "refunded"), bindings=("new", "paid")),
        EACH,
    ),
    Pattern(
        "arrangements",
        "Five arrangements",
        (
            "Producer, broker and worker nodes can share machines in five ways; here each machine is a loopback address of this one.",
            "What shares a machine fails together and competes for its processor; what does not is connected by a network that may fail.",
            "Change the arrangement, and compare the addresses that the connections come from.",
        ),
        "Every connection comes from the address of the machine that the arrangement gives it.",
        "addresses",
        plans.arrangements,
        Knobs(nodes=2, rate=3.0),
        ("arrangement", "nodes", "rate"),
    ),
)
PATTERNS: dict[str, Pattern] = {pattern.key: pattern for pattern in _FOUND}
