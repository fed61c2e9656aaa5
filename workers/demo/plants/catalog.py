"""The plants there are: what each does and what it should lead to. Knows no broker, so that pages list them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plant:
    """`does` and `ends` are sentences about the shop. `leads_to`: what should be found, as its title begins, and by which rules (keys); the first is the
    finding, others may stand under it. `after`: how long that takes, in words."""

    key: str
    name: str
    does: str
    ends: str
    leads_to: str
    rules: tuple[str, ...]
    after: str = "within two polls, 10 s"


GROUPS: tuple[tuple[str, tuple[Plant, ...]], ...] = (
    (
        "Queues and messages",
        (
            Plant(
                "no_consumer",
                "A consumer leaves its queue",
                "The audit process cancels its consumer of newsletter, and newsletters keep coming.",
                "It consumes again, and what waited is delivered.",
                "newsletter: nobody consumes it",
                ("no_consumer",),
                "once it has lasted for 30 s: a consumer that restarts is back by then",
            ),
            Plant(
                "growing",
                "A queue grows",
                "Ten tasks stock.count a second come for stock@batch-1, which can do three.",
                "No more come, and stock.sync is purged.",
                "stock.sync is growing",
                ("growing",),
                "within a minute: growth is measured over several polls",
            ),
            Plant(
                "stuck",
                "Tasks block each other",
                "Two tasks reports.lock take both slots of reports@batch-2 and wait for each other; 20 parts of a report wait behind them.",
                "Both are released, and the others run.",
                "reports.nightly: nothing is acknowledged",
                ("stuck",),
                "within a minute: so long nothing must have been acknowledged",
            ),
            Plant(
                "held",
                "A message is held for too long",
                "A client takes three messages of accounting.export and acknowledges none of them.",
                "The client and its queue are removed.",
                "accounting.export: messages are unacknowledged for too long",
                ("consumer_timeout",),
                "after 4 min: the demo's broker requeues after 5 min instead of its usual 30",
            ),
            Plant(
                "dead_letters",
                "Dead letters arrive",
                "A task stock.sync for a warehouse that does not exist comes every second; the worker rejects it, and it is dead-lettered to mail.dead.",
                "No more come, and mail.dead is purged.",
                "mail.dead: dead letters arrive",
                ("dead_letters",),
            ),
            Plant(
                "unroutable",
                "Messages reach no queue",
                "Two messages a second come to shop.jobs with the key thumbnials, a typing error that no binding matches.",
                "No more come.",
                "shop.jobs drops messages",
                ("unroutable",),
                "within three polls: exchanges are read with the inventory",
            ),
            Plant(
                "binding",
                "A binding that no configuration has",
                "order.*.uk of shop.orders is bound to orders.us, as by hand; no worker's task_queues has it.",
                "The binding is removed.",
                "orders.us has a binding that no worker is configured with",
                ("stale_binding",),
                "after 2 to 3 min: a deployment would be through by then",
            ),
        ),
    ),
    (
        "Tasks and worker nodes",
        (
            Plant(
                "worker_killed",
                "A worker is killed",
                "thumbs@media-1 and its pool get SIGKILL, as from the kernel when memory is short; what it ran is lost.",
                "It is started again.",
                "thumbs@media-1 is gone",
                ("worker_gone", "no_consumer"),
                "when its connection is closed, or after its heartbeats are missed, up to 10 s",
            ),
            Plant(
                "worker_frozen",
                "A worker stands still",
                "worker-a@web-1 gets SIGSTOP: its process is there, and does nothing.",
                "It is killed and started again: with SIGCONT alone, Celery 5.7 does not find back to its broker.",
                "worker-a@web-1 is gone",
                ("worker_gone", "stuck", "no_consumer"),
                "after its heartbeats are missed, up to 30 s",
            ),
            Plant(
                "failing_task",
                "A task fails more often",
                "Four orders a second come in DM, a currency that the bank refuses at once.",
                "No more come.",
                "orders.capture fails more often",
                ("task_failures",),
                "within a minute: so many tasks must have ended",
            ),
            Plant(
                "no_node",
                "Tasks go where no node works",
                "A task returns.refund comes every two seconds for the queue returns, which no worker consumes.",
                "No more come, and the queue is removed.",
                "returns: no worker consumes it",
                ("unconsumed_route", "no_consumer"),
            ),
            Plant(
                "events_off",
                "Events are off",
                "worker-b@web-1 starts again without -E: it sends heartbeats, and nothing about its tasks.",
                "It gets the command enable_events.",
                "worker-b@web-1 sends no task events",
                ("events_off",),
                "once it has started and done some tasks, up to 40 s",
            ),
            Plant(
                "clock",
                "A clock is wrong",
                "stock@batch-1 starts again with a clock that is five minutes fast.",
                "It starts again with the machine's clock.",
                "stock@batch-1: its clock is fast",
                ("clock_skew",),
                "once it has started and sent events, up to 20 s",
            ),
        ),
    ),
    (
        "Broker",
        (
            Plant(
                "memory_alarm",
                "Memory alarm",
                "rabbitmqctl lowers the memory mark of the demo's own node to 1 MB, so that it blocks every publisher.",
                "The mark is at 40 % again.",
                "the node has a memory alarm",
                ("publishers_blocked",),
            ),
            Plant(
                "broker_stopped",
                "The broker stops",
                "The demo's RabbitMQ node is stopped.",
                "It is started again, which takes some 10 s.",
                "demo is unreachable",
                ("broker_away", "node_down"),
            ),
            Plant(
                "shovel",
                "A shovel leads nowhere",
                "A shovel moves messages of the queue export to a broker that is not there.",
                "The shovel and its queue are removed.",
                "shovel to-nowhere does not run",
                ("transfer_down",),
                "within two readings of shovels, 1 min",
            ),
            Plant(
                "leak",
                "Channels leak",
                "A client opens a channel every two seconds and closes none.",
                "Its connection is closed.",
                "leaky@web-2 opens more and more channels",
                ("client_leak",),
                "after 5 min of rise",
            ),
            Plant(
                "churn",
                "Connections come and go",
                "A client opens and closes eight connections a second.",
                "It stops.",
                "demo: connections come and go",
                ("churn",),
                "within a minute",
            ),
        ),
    ),
    (
        "Hareline itself",
        (
            Plant(
                "receiver",
                "Hareline's receiver stands still",
                "The process that receives events gets SIGSTOP.",
                "It gets SIGCONT, and takes in what waited.",
                "Hareline's receiver is behind",
                ("own_process", "own_work"),
                "within a minute, by its missed heartbeats",
            ),
        ),
    ),
)
PLANTS: dict[str, Plant] = {plant.key: plant for _, plants in GROUPS for plant in plants}
