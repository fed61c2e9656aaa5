"""The words that AMQP, RabbitMQ and Celery use and people stumble over, each in plain sentences with an example. Pure.

`docs/glossary.md` holds the same (a test compares them); `code` stands between backticks.
"""

from __future__ import annotations

import msgspec


class Term(msgspec.Struct, frozen=True):
    """`text` explains, in one or two sentences; `example` shows it; `also` are other words for the same."""

    text: str
    example: str
    also: tuple[str, ...] = ()


CHAPTERS: dict[str, dict[str, Term]] = {
    "The idea": {
        "middleware": Term(
            "Software that stands between programs so that they needn’t know each other. "
            "A message broker is middleware: one program leaves a message, another takes it later.",
            "The shop’s website hands “send this mail” to RabbitMQ and answers its visitor at once; a worker sends the mail a moment later.",
        ),
        "messaging model": Term(
            "How a message travels in AMQP 0-9-1: a producer publishes to an exchange, bindings lead from there to queues, "
            "and consumers take from the queues. "
            "A producer never names a consumer, and an exchange keeps nothing.",
            "website → exchange `shop.orders` → binding `order.*.eu` → queue `orders.eu` → worker `mail@web-1`",
        ),
        "point-to-point": Term(
            "A pattern in which each message is done by one consumer, whichever takes it: several that consume one queue compete for its messages.",
            "A mail is sent by one of three worker nodes, whichever takes its message.",
        ),
        "publish-subscribe": Term(
            "A pattern in which each subscriber gets a copy of every message: an exchange copies it into a queue of each.",
            "Stock and accounting both get `order.paid`, each from a queue of its own.",
        ),
        "round-robin": Term(
            "In turn. The broker hands the messages of a queue to its consumers one after the other, and leaves out those whose prefetch is used up.",
            "Three idle worker nodes get a third each; one that is busy gets fewer.",
        ),
        "lab": Term(
            "Where Hareline runs a pattern of messaging on real parts, in a virtual host of its own that it makes and removes.",
            "The experiment “Topics” shows which queues get `order.new.eu`.",
        ),
        "arrangement": Term(
            "Which machines the producers, the broker and the consumers of a flow share. There are five: all on one, producers with the broker, "
            "broker with the consumers, producers with the consumers, all apart.",
            "Website on `web-1`, RabbitMQ and a worker node on `mq-1`: the broker is with the consumers. "
            "They fail together, and publishing crosses the network.",
        ),
        "competing consumers": Term(
            "Several consumers of one queue: each message goes to one of them, in turn to whoever may still take one by its prefetch count.",
            "Of two worker nodes with a queue in common, the faster one takes more while tasks wait.",
        ),
    },
    "What is sent": {
        "message": Term(
            "What is sent: a payload for the consumer, and attributes, headers and a routing key for routing it.",
            'routing key `order.new.eu`, header `source: web`, payload `{"order": 4711}`',
        ),
        "task": Term(
            "A message for a worker node to run a function. Its outcome is known from the events that worker nodes send.",
            "`reports.render.delay(11)` sends a task named `reports.render`; a worker node calls that function with 11.",
        ),
        "periodic task": Term(
            "A task that Celery beat sends by a schedule: after so many seconds, or at times of the day.",
            "`crontab(hour=3, minute=0)` sends one every night at three; a worker node runs it.",
            ("beat",),
        ),
        "attributes": Term(
            "Fields of a message that AMQP itself defines and the broker understands, such as priority, expiration and delivery mode. "
            "AMQP calls them properties. "
            "In Celery, the attributes of a task are what its class sets, such as `queue` or `priority`.",
            "`expiration: 60000` removes the message after a minute in a queue.",
            ("properties",),
        ),
        "headers": Term(
            "Named values of a message that the sender chooses freely. "
            "A headers exchange compares them, value and type; Celery keeps the task’s name and id in them.",
            '`level: 1` and `level: "1"` are not the same: one is a number, the other text.',
        ),
        "payload": Term(
            "The content of a message: bytes that the broker passes on unread. A Celery task’s payload holds its arguments.",
            "`[[11], {}, …]`: the arguments of `reports.render(11)` as JSON",
            ("body",),
        ),
        "routing key": Term(
            "A word, or words with dots between them, that the producer puts on a message; bindings are compared with it. "
            "Fanout and headers exchanges ignore it.",
            "`order.new.eu` has three words.",
        ),
        "producer": Term(
            "A program that publishes messages to an exchange. "
            "What publishes or consumes is a client of the broker; in Celery, the application that calls `delay()` is the producer.",
            "The website that calls `reports.render.delay(11)`.",
            ("publisher", "client"),
        ),
    },
    "Inside the broker": {
        "broker": Term(
            "The RabbitMQ server, one node or a cluster, that takes messages from producers and hands them to consumers.",
            "`rabbit@mq-1`, `rabbit@mq-2` and `rabbit@mq-3` together are one broker.",
        ),
        "node": Term(
            "One running server of a cluster. RabbitMQ’s nodes make up the broker; Celery’s are worker nodes.",
            "Broker node `rabbit@mq-1`, worker node `mail@web-1`.",
        ),
        "virtual host": Term(
            "A separate space inside a broker, with its own queues, exchanges and permissions.",
            "A queue `mail` in `/shop` and a queue `mail` in `/` have nothing to do with each other.",
        ),
        "exchange": Term(
            "Where producers publish. It keeps nothing: it routes each message to queues by its bindings, and its type (direct, topic, fanout, "
            "headers) defines how.",
            "`shop.orders`, a topic exchange",
        ),
        "default exchange": Term(
            "The exchange without a name. It takes the routing key for a queue’s name, and nothing can be bound to it.",
            "A message with the key `mail` goes to the queue `mail`. This is how Celery sends most tasks.",
        ),
        "binding": Term(
            "A rule that takes messages from an exchange to a queue or to another exchange.",
            "“What has the key `order.*.eu` goes from `shop.orders` to `orders.eu`.”",
        ),
        "binding key": Term(
            "What a binding compares a message’s routing key with. "
            "In a topic exchange `*` stands for exactly one word and `#` for any number of words, also none.",
            "`order.*.eu` takes `order.new.eu`, but not `order.new.us` and not `order.eu`.",
            ("pattern",),
        ),
        "queue": Term(
            "Where messages wait until a consumer takes them. Each message in it is handed to one consumer.",
            "`mail`, with 12 messages in it and 2 consumers",
        ),
        "alternate exchange": Term(
            "The exchange that gets what another exchange could route nowhere.",
            "A message that matches no binding of `shop.orders` goes to `shop.unrouted` instead of being dropped.",
        ),
        "dead letter": Term(
            "A message that expired, was rejected or did not fit its queue; it goes to the dead-letter exchange if the queue names one.",
            "A mail that was rejected goes from `mail` by the exchange `dead` to the queue `mail.failed`.",
        ),
        "shovel": Term(
            "A part of the broker that moves messages from one queue or exchange to another, perhaps at another broker. "
            "Federation is similar: a queue or exchange gets what arrives at its upstream.",
            "The shovel `s1` takes from the queue `work` in Berlin and publishes to the queue `out` in Rome.",
            ("federation",),
        ),
        "policy": Term(
            "Settings that the broker applies to all queues or exchanges whose name matches a pattern.",
            "`^tmp\\.` with `message-ttl: 60000`: what waits a minute in `tmp.1` expires.",
        ),
    },
    "Who takes it": {
        "connection": Term(
            "A client’s TCP connection to a node of the broker. What a program publishes and consumes goes over its connections.",
            "A worker node with the pool prefork has one for its tasks, and others for sending and for events.",
        ),
        "channel": Term(
            "A conversation inside a connection: a client publishes and consumes on its channels, and each has a prefetch of its own.",
            "A connection with three channels is one TCP connection and three conversations.",
        ),
        "consumer": Term(
            "A program’s subscription to one queue; the broker pushes messages to it. In Celery, worker nodes are the consumers.",
            "`mail@web-1` consumes `mail` and `default`: two consumers, one program.",
        ),
        "worker node": Term(
            "One running Celery worker, named like `worker-a@web-1`; it takes tasks from queues and runs them in its pool.",
            "`celery -A shop worker -n mail@%h -Q mail` starts one that takes tasks from `mail` alone.",
            ("worker",),
        ),
        "concurrency": Term(
            "How many tasks a worker node can run at the same time: its processes, threads or greenlets.",
            "With `-c 4` a fifth task waits until one of four has ended.",
        ),
        "slot": Term("A place in a worker node where one task can run at a time.", "A node with concurrency 4 has four slots."),
        "pool": Term(
            "How a worker node runs tasks: in processes (prefork), threads, greenlets (gevent, eventlet) or in itself (solo).",
            "`-P threads -c 10`: ten threads of one process",
        ),
        "prefetch": Term(
            "How many messages a consumer may hold before it acknowledges one.",
            "With concurrency 4 and Celery’s usual multiplier of 4, a node holds up to 16 tasks: 4 run, 12 wait in it and not in the queue.",
        ),
        "acknowledgement": Term(
            "A consumer’s word that a message is dealt with; only then does the broker forget it. "
            "Without it, the message returns to its queue when the consumer goes away.",
            "Celery acknowledges just before a task runs, or after it with `acks_late`.",
            ("ack",),
        ),
        "reserved": Term("Tasks that a worker node has taken from a queue but not started yet.", "4 run, and the other 12 of a prefetch of 16 are reserved."),
        "ETA": Term(
            "The moment before which a task must not start; the worker node that took it holds it until then.",
            "`apply_async(countdown=60)` sends the task now; it runs in a minute at the earliest.",
        ),
        "root task": Term(
            "The task that a program sent; tasks that it calls, and those they call, have it as their root.",
            "`orders.close` calls `mail.send`: the root of both is `orders.close`.",
        ),
        "workflow": Term(
            "All tasks with one root: the task that a program sent, those that it sent, and those that followed.",
            "`orders.capture`, then three `thumbnails.make` at once, then `reports.render`: five tasks of one workflow.",
        ),
        "canvas": Term(
            "Celery’s means to join tasks to a workflow: chains, groups and chords of signatures, which are tasks with arguments that are not sent yet.",
            "`chain(capture.s(7), render.s()).delay()` sends the first task; its message holds the rest.",
        ),
        "chain": Term(
            "Tasks that run one after the other, each with the result of the one before. Each is the parent of the next.",
            "`capture.s(7) | render.s() | mail.s()`",
        ),
        "group": Term(
            "Tasks that run at the same time. They have the same parent; a group that a program sends has several roots, one a task.",
            "`group(thumbnail.s(size) for size in (64, 128))`",
        ),
        "chord": Term(
            "A group, its header, and one task, its body, which runs with the results of all when the last of the header has ended.",
            "`chord([thumbnail.s(64), thumbnail.s(128)], render.s())`: `render` is the body.",
            ("header", "body of a chord"),
        ),
        "stamp": Term(
            "A named value that Celery puts into the headers of all messages of a workflow, for example to revoke them together. No event has it.",
            '`stamp(customer=7)`, then `revoke_by_stamped_headers({"customer": 7})`',
        ),
        "critical path": Term(
            "The tasks that the end of a workflow waited for, one after another: to end sooner, one of them must run or wait less.",
            "Of three tasks of a header the slowest is on it; the other two have time to spare.",
        ),
    },
    "What is counted": {
        "depth": Term("All messages a queue holds: ready and unacknowledged together.", "10 ready and 4 unacknowledged are a depth of 14."),
        "ready": Term("Messages that wait in a queue and have not been handed to a consumer.", "10 ready and nobody consumes: they wait."),
        "unacknowledged": Term(
            "Messages that a consumer holds and has not confirmed yet; if it goes away they return to their queue.",
            "A node with a prefetch of 16 holds at most 16 of them.",
        ),
    },
    "What is wrong": {
        "finding": Term(
            "Something wrong, from when a rule first saw it until it was gone: with a level, since when, evidence, probable causes and what to do. "
            "What another finding explains stands under it.",
            "`mail` is growing and nobody consumes it: critical since 03:02:12, cleared at 03:19 when both nodes consumed again.",
        ),
    },
}

TERMS: dict[str, Term] = {name: term for chapter in CHAPTERS.values() for name, term in chapter.items()}
