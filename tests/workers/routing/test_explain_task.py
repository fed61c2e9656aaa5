"""Common questions about a task, and what may never happen while answering them."""

import socket
import threading
import time
from datetime import UTC, datetime

import pytest

from workers.explain_task import answer, explain

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOPIC = {"$queue": {"name": "feeds", "exchange": {"$exchange": {"name": "media", "type": "topic"}}, "routing_key": "feed.#"}}
QUORUM = {"$queue": {**TOPIC["$queue"], "queue_arguments": {"x-queue-type": "quorum"}}}


def explained(conf=None, options=None, attributes=None, **rest):
    return explain({"conf": conf or {}, "task": {"name": "tasks.add", "attributes": attributes or {}}, "options": options or {}, **rest}, now=NOW)


def step(found, layer, key):
    return next(one for one in found["steps"] if (one["layer"], one["key"]) == (layer, key))


def test_a_queue_named_in_the_call_beats_the_router_though_people_learn_otherwise():
    found = explained({"task_routes": {"tasks.*": "q_route"}}, {"queue": "q_opt"})
    assert found["queue"] == "q_opt"
    assert step(found, "router", "queue")["lost_to"] == "option"
    assert "the often expected precedence" in step(found, "router", "queue")["why"]
    assert step(found, "option", "queue")["lost_to"] is None


def test_a_routing_key_alone_is_ignored_on_a_direct_exchange():
    found = explained(options={"routing_key": "a.b"})
    assert (found["exchange"], found["routing_key"]) == ("", "celery")
    assert step(found, "option", "routing_key")["lost_to"] == "queue"
    assert "is ignored" in step(found, "option", "routing_key")["why"]


def test_the_pattern_of_a_topic_queue_is_used_as_the_key():
    found = explained({"task_queues": [TOPIC]}, {"queue": "feeds"})
    assert (found["exchange"], found["exchange_type"], found["routing_key"]) == ("media", "topic", "feed.#")
    assert "pattern and all" in step(found, "queue", "routing_key")["why"]


def test_a_route_that_gives_only_an_exchange_loses_the_task():
    found = explained({"task_routes": {"tasks.add": {"exchange": "x"}}})
    assert (found["queue"], found["exchange"], found["routing_key"]) == (None, "", "")
    assert "is lost" in step(found, "queue", "routing_key")["why"]


def test_a_queue_beside_an_exchange_and_key_is_only_declared():
    found = explained({"task_routes": {"tasks.add": {"exchange": "amq.topic", "routing_key": "rk"}}}, {"queue": "q_opt"})
    assert (found["queue"], found["exchange"], found["routing_key"]) == ("q_opt", "amq.topic", "rk")
    assert step(found, "option", "queue")["lost_to"] == "router"


def test_an_explicit_none_hides_the_tasks_attribute():
    found = explained(options={"queue": None}, attributes={"queue": "q_attr"})
    assert found["queue"] == "celery"
    assert step(found, "task", "queue")["lost_to"] == "option"


def test_old_uppercase_names_are_accepted_and_named():
    found = explained({"CELERY_ROUTES": {"tasks.add": "old"}, "CELERY_TASK_DEFAULT_QUEUE": "jobs"})
    assert found["queue"] == "old"
    assert step(found, "router", "CELERY_ROUTES")["value"] == "task_routes"


def test_route_name_is_what_routers_see():
    assert explained({"task_routes": {"other": "q"}}, {"route_name": "other"})["queue"] == "q"


def test_a_broadcast_goes_to_its_exchange_and_is_not_declared_by_the_sender():
    conf = {"task_queues": [{"$broadcast": {"name": "everyone"}}]}
    exists = {"exchanges": [{"name": "everyone", "type": "fanout"}]}
    found = explained(conf, {"queue": "everyone"}, predeclare=exists)
    assert (found["queue"], found["exchange"], found["exchange_type"], found["error"]) == ("bcast.<uuid>", "everyone", "fanout", None)
    assert explained(conf, {"queue": "everyone"})["error"].startswith("NotFound: ")


def test_with_quorum_queues_a_countdown_goes_through_the_delay_exchanges():
    exists = {"exchanges": [{"name": "celery_delayed_27", "type": "topic"}]}
    found = explained({"task_queues": [QUORUM]}, {"queue": "feeds", "countdown": 5, "routing_key": "ignored"}, predeclare=exists)
    assert (found["queue"], found["exchange"], found["exchange_type"]) == (None, "celery_delayed_27", "topic")
    assert found["routing_key"] == ".".join(f"{5:028b}") + ".feed.#"
    assert step(found, "option", "routing_key")["lost_to"] == "delayed"
    later = explained({"task_queues": [QUORUM]}, {"queue": "feeds", "eta": "2026-11-23T12:00:05+00:00"}, predeclare=exists)
    assert later["routing_key"] == found["routing_key"]


@pytest.mark.parametrize(
    ("conf", "options", "error"),
    [
        ({"task_create_missing_queues": False}, {"queue": "fresh"}, "QueueNotFound: Queue 'fresh' missing from task_queues"),
        ({"task_routes": {"tasks.add": {"queue": "q", "expires": 5}}}, {}, "TypeError: "),
        ({"task_routes": [["tasks.add", {"queue": "q"}]]}, {}, "ValueError: "),
        ({"task_queues": [QUORUM]}, {"queue": "feeds", "countdown": 0.5}, "ValueError: countdown must be a positive number"),
        ({}, {"exchange": "ghost", "routing_key": "k"}, "NotFound: Basic.publish: (404) NOT_FOUND - no exchange 'ghost'"),
        ({"task_queue_max_priority": 5, "task_default_queue_type": "quorum"}, {}, "PreconditionFailed: "),
    ],
)
def test_what_celery_or_the_broker_would_raise_is_the_error(conf, options, error):
    found = explained(conf, options)
    assert found["error"].startswith(error)
    assert found["steps"][-1]["key"] == "error"


@pytest.mark.parametrize(
    "exists",
    [
        {"queues": [{"name": "celery", "durable": False}]},
        {"queues": [{"name": "celery", "arguments": {"x-max-priority": 5}}]},
        {"queues": [{"name": "celery", "arguments": {"x-queue-type": "quorum"}}]},
        {"exchanges": [{"name": "celery", "type": "topic"}]},
        {"exchanges": [{"name": "celery", "type": "direct", "auto_delete": True}]},
    ],
)
def test_a_conflicting_declaration_fails_in_the_sender(exists):
    assert explained(predeclare=exists)["error"].startswith("PreconditionFailed: ")


def test_the_same_object_declared_again_is_no_conflict():
    exists = {"queues": [{"name": "celery", "durable": True, "arguments": {"x-queue-type": "classic"}}], "exchanges": [{"name": "celery", "type": "direct"}]}
    assert explained(predeclare=exists)["error"] is None


def test_without_its_file_a_router_is_opaque_and_nothing_is_imported():
    for router in ({"$router": "by_name"}, "os.getcwd", "routers.by_name"):
        found = explained({"task_routes": [router, {"tasks.add": "q"}]})
        assert (found["queue"], found["certain"]) == ("q", False)
        assert "not run here" in step(found, "router", "task_routes[0]")["why"]
    assert explained({"task_routes": [{"tasks.add": "q"}, "os.getcwd"]})["certain"], "it is never called"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (None, "question"),
        ({"task": {"name": "x"}}, "conf"),
        ({"conf": {}}, "task"),
        ({"conf": {}, "task": {"name": 7}}, "task.name"),
        ({"conf": {"task_queues": [{"$queue": {"name": 7}}]}, "task": "x"}, "conf.task_queues[0].$queue.name"),
        ({"conf": {}, "task": {"name": "x", "attribute": {}}}, "task.attribute"),
        ({"conf": {"task_routes": {"a": {"queue": 7}}}, "task": "x"}, "conf.task_routes[0].a.queue"),
        ({"conf": {"task_routes": [[[{"$regex": "("}, "q"]]]}, "task": "x"}, "conf.task_routes[0][0][0].$regex"),
        ({"conf": {}, "task": "x", "options": {"producer": 1}}, "options.producer"),
        ({"conf": {}, "task": "x", "options": {"eta": "soon"}}, "options.eta"),
        ({"conf": {}, "task": "x", "via": "pigeon"}, "via"),
        ({"conf": {}, "task": "x", "predeclare": {"queues": [{"name": 7}]}}, "predeclare.queues[0]"),
        ({"conf": {}, "task": "x", "optoins": {}}, "optoins"),
    ],
)
def test_what_is_not_understood_is_answered_by_naming_the_field(data, field):
    assert explain(data)["error"].startswith(f"BadQuestion: {field} ")


def test_a_question_nested_without_end_is_answered():
    deep = {}
    for _ in range(5000):
        deep = {"a": deep}
    assert explain({"conf": {"task_routes": deep}, "task": "x"})["error"].startswith("BadQuestion: ")


def test_a_pattern_that_runs_away_is_given_up():
    routes = [[[{"$regex": "(a|aa)+$"}, "q"], ["*", "rest"]]]
    found = explain({"conf": {"task_routes": routes}, "task": {"name": "a" * 200 + "!"}})  # else it ends in no lifetime
    assert (found["queue"], found["certain"]) == ("rest", False)


def test_many_patterns_that_run_away_cost_no_more_than_a_second():
    routes = [[[{"$regex": f"(a|aa)+{number}$"}, "q"] for number in range(300)]]
    began = time.monotonic()
    assert explain({"conf": {"task_routes": routes}, "task": {"name": "a" * 200 + "!"}})["certain"] is False
    assert time.monotonic() - began < 3


def test_a_pattern_that_would_fill_the_memory_is_refused():
    for text in ("[a-z]{100000000}", "([a-z]{1000}){1000}"):
        assert "repeats too much" in explain({"conf": {"task_routes": [[[{"$regex": text}, "q"]]]}, "task": "x"})["error"]


def test_no_socket_is_opened_and_no_environment_read(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://nowhere")
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "no.such.module")
    assert explained({"task_queues": [QUORUM]}, {"queue": "feeds", "countdown": 5})["exchange"] == "celery_delayed_27"


def test_questions_of_many_threads_do_not_mix():
    wrong = []

    def explain_often(number):
        wrong.extend(number for _ in range(20) if explained({"task_default_queue": f"q{number}"})["routing_key"] != f"q{number}")

    threads = [threading.Thread(target=explain_often, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_topology_after_the_senders_declarations_is_handed_on():
    found = answer({"conf": {"task_queues": [TOPIC]}, "task": "x", "options": {"queue": "feeds"}}).existing
    assert found.exchanges["media"].type == "topic"
    assert found.bindings == [{"source": "media", "destination": "feeds", "routing_key": "feed.#", "arguments": {}, "destination_type": "queue"}]


def test_a_name_inside_of_a_table_of_queues_is_celerys_error():
    found = explain({"conf": {"task_queues": {"mail": {"name": "post"}}}, "task": {"name": "shop.mail"}})
    assert (found["error"], found["certain"]) == ("TypeError: Queues.add_compat() got multiple values for argument 'name'", True)
