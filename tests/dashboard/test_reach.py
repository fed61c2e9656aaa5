"""What reaches a queue or a worker, including Celery's tasks, and the queues without consumers on a task's path."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from brokers.routing.answer import ConsumingWorker
from brokers.routing.fields import InvalidQuestion
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology
from dashboard.why import reach
from dashboard.why.explanations import LoadedVhost
from dashboard.why.task_configuration import KnownTask, ReportingWorkers

QUEUES = ("celery", "orders", "reports", "dead", "slow")
DEAD_LETTERS = {"dead-letter-exchange": "", "dead-letter-routing-key": "dead", "message-ttl": 1000}


def place(**changed: Any) -> LoadedVhost:
    one_queue: dict[str, Any] = {
        "topology": Topology(
            "/",
            (ExchangeDefinition("", "direct"), ExchangeDefinition("shop", "topic")),
            tuple(QueueDefinition(name, "classic") for name in QUEUES),
            (BindingDefinition("shop", "orders", "queue", "order.#", {}),),
            (PolicyDefinition("letters", "^slow$", "queues", 0, DEAD_LETTERS, False),),
        ),
        "version": "3.10.8",
        "consumers": {"celery": 1, "orders": 1, "reports": 0, "dead": 0, "slow": 2},
        "workers": {"orders": [ConsumingWorker(7, "a@web-1", True)]},
    }
    return LoadedVhost(**one_queue | changed)


def worker(hostname: str, tasks: dict[str, dict[str, str]], queues: list[str] | None = None) -> Any:
    registered = [{"name": name, "attributes": attributes} for name, attributes in tasks.items()]
    one_queue = None if queues is None else [{"name": name} for name in queues]
    return SimpleNamespace(
        id=1, hostname=hostname, configuration={"task_default_queue": "celery"}, configuration_at=None, queues=one_queue, registered=registered
    )


TELLERS = ReportingWorkers([worker("a@web-1", {"shop.pay": {}, "shop.order": {"queue": "orders"}}, ["orders", "celery", "elsewhere"]), worker("b@web-1", {})])


def test_a_queue_shows_its_exchanges_its_tasks_and_who_takes_from_it() -> None:
    answer = reach.of_queue(place(), "orders", TELLERS)
    [one_queue] = answer.queues
    assert [path.exchange for path in one_queue.ways] == ["", "shop"]
    assert [(one.task, one.routing_key, one.certain) for one in one_queue.tasks] == [("shop.order", "orders", False)]
    assert (one_queue.consumers, [one.hostname for one in one_queue.workers]) == (1, ["a@web-1"])
    assert one_queue.text.endswith("Celery sends shop.order there.")
    assert (answer.certain, answer.unknown, answer.waiting, answer.queues_left_out) == (True, [], [], 0)
    assert answer.tasks_unknown == ["This is the worker’s configuration; the sender’s may differ."]


def test_a_queue_without_consumers_is_shown() -> None:
    answer = reach.of_queue(place(), "reports", TELLERS)
    assert answer.waiting == [reach.Waiting("reports", None)]
    assert answer.text.endswith("Nobody consumes it: messages wait there.")


def test_what_is_unknown_of_a_configuration_takes_certainty_from_its_tasks() -> None:
    answer = reach.of_queue(place(), "celery", ReportingWorkers([worker("a@web-1", {"shop.pay": {"queue": "<Queue celery>"}})]))
    assert [one.certain for one in answer.queues[0].tasks] == [False]
    assert any("shop.pay" in sentence for sentence in answer.tasks_unknown)


def test_a_worker_node_is_reached_by_its_queues() -> None:
    answer = reach.of_worker(place(), "a@web-1", ["orders", "celery", "elsewhere"], TELLERS)
    assert [one.queue for one in answer.queues] == ["orders", "celery"]
    assert [one.task for one_queue in answer.queues for one in one_queue.tasks] == ["shop.order", "shop.pay"]
    assert answer.text == "a@web-1 consumes orders and celery."


def test_a_worker_node_without_queues_here_is_reached_by_nothing() -> None:
    assert "so no message reaches it" in reach.of_worker(place(), "b@web-1", ["elsewhere"], TELLERS).text


def test_a_task_shows_the_queues_without_consumers() -> None:
    answer = reach.of_task(place(), "shop.report", KnownTask((), {"queue": "reports"}))
    assert answer.waiting == [reach.Waiting("reports", None)]
    assert answer.text == "shop.report reaches reports. Nobody consumes reports."
    served = reach.of_task(place(), "shop.pay", TELLERS.known("shop.pay"))
    assert served.text == "shop.pay reaches celery, and every queue on its path is consumed."


def test_dead_letters_of_a_task_may_end_where_without_consumers() -> None:
    answer = reach.of_task(place(), "shop.slow", KnownTask((), {"queue": "slow"}))
    assert answer.waiting == [reach.Waiting("dead", "slow")]


def test_consumers_that_are_not_known_are_not_none() -> None:
    answer = reach.of_task(place(consumers={}), "shop.pay", KnownTask((), {}))
    assert (answer.waiting, answer.certain) == ([], False)
    assert "The consumers of celery are unknown." in answer.text


def test_a_task_that_is_not_sent_has_a_reason() -> None:
    answer = reach.of_task(place(), "shop.pay", KnownTask((), {"exchange": "shop", "queue": "<Queue>"}))
    assert answer.certain is False


def test_tasks_beyond_the_bound_are_counted() -> None:
    many = ReportingWorkers([worker("a@web-1", {f"shop.t{number:04}": {} for number in range(reach.MOST_TASKS + 3)})])
    [one_queue] = reach.of_queue(place(), "celery", many).queues
    assert (len(one_queue.tasks), one_queue.tasks_left_out) == (reach.MOST_TASKS, 3)


def test_of_many_reasons_why_tasks_are_uncertain_some_are_listed_and_the_rest_counted() -> None:
    tasks = {f"shop.t{number}": {"queue": f"<Queue {number}>"} for number in range(9)}
    unknown = reach.of_queue(place(), "celery", ReportingWorkers([worker("a@web-1", tasks)])).tasks_unknown
    assert len(unknown) == reach.MOST_UNKNOWN + 1
    assert unknown[-1].startswith("See the tasks themselves for ")


def test_a_queue_that_exists_otherwise_is_never_reached_by_the_task_that_would_declare_it() -> None:
    one_queue = worker("a@web-1", {"shop.order": {"queue": "orders"}})
    one_queue.configuration = {"task_queues": [{"name": "orders", "queue_arguments": {"x-max-priority": 5}, "exchange": {"name": ""}}]}
    assert reach.of_queue(place(), "orders", ReportingWorkers([one_queue])).queues[0].tasks == []


def test_a_queue_that_celery_would_bind_when_it_sends_counts_as_bound() -> None:
    queue = {"name": "orders", "exchange": {"name": "made", "type": "topic"}, "routing_key": "o"}
    one_queue = worker("a@web-1", {"shop.order": {"queue": "orders"}})
    one_queue.configuration = {"task_queues": [queue]}
    [found] = reach.of_queue(place(), "orders", ReportingWorkers([one_queue])).queues
    assert [(one.exchange, one.routing_key) for one in found.tasks] == [("made", "o")]


def test_a_missing_queue_is_named() -> None:
    with pytest.raises(InvalidQuestion):
        reach.of_queue(place(), "nope", TELLERS)


def test_a_name_that_no_task_can_have_is_refused() -> None:
    with pytest.raises(InvalidQuestion, match="task: must be the task's name"):
        reach.of_task(place(), "t" * 1001, KnownTask((), {}))
