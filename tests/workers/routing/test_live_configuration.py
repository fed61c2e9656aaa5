"""The configuration that a worker reports becomes a question; what it hides is named."""

import json
from pathlib import Path

import pytest

from workers.explain_task import explain
from workers.inspection import answers as inspection
from workers.inspection import live_configuration, routing_settings

SAMPLES = Path(__file__).parents[2] / "cases" / "celery"
MASK = live_configuration.MASK


def read(conf, registered=None, active_queues=None):
    """What is read of a worker's raw answers, as they come from its row."""
    fields = inspection.conf(conf) | inspection.registered(registered) | inspection.active_queues(active_queues)
    return live_configuration.read(fields.get("configuration"), fields.get("registered"), fields.get("queues"))


def sample(name):
    return json.loads((SAMPLES / f"inspect_{name}.json").read_text())["prefork@host1"]


@pytest.fixture(params=["conf", "conf_with_defaults"])
def live(request):
    return read(sample(request.param), sample("registered_attrs"), sample("active_queues"))


def test_a_real_worker_is_understood_and_its_functions_are_named_as_opaque(live):
    assert [queue["$queue"]["name"] for queue in live.conf["task_queues"]] == ["default", "feeds", "mail"]
    assert live.tasks["shop.slow"] == {"exchange": "tasks", "routing_key": "task.slow"}
    assert live.tasks["shop.add"] == {"queue": "default", "priority": 3}
    assert live.unknown == [
        "task_default_routing_key is masked, and no queue reveals it.",
        "The router <function by_name_prefix> is code of the application: its answers are unknown.",
        "The router routers.returns_none is code of the application: its answers are unknown.",
    ]


def test_a_route_before_the_opaque_routers_is_certain(live):
    found = explain(live_configuration.question(live, "feed.import"))
    assert (found["queue"], found["exchange"], found["routing_key"], found["certain"]) == ("feeds", "media", "feed.x", True)


def test_behind_an_opaque_router_nothing_is_certain(live):
    found = explain(live_configuration.question(live, "shop.other"))
    assert (found["queue"], found["certain"]) == ("default", False)
    assert "code of the application" in found["steps"][0]["why"]


def test_a_masked_default_key_is_read_from_the_default_queue():
    live = read({"task_default_exchange_type": "topic", "task_default_routing_key": MASK}, [], [{"name": "celery", "routing_key": "task.default"}])
    assert live.conf["task_default_routing_key"] == "task.default"
    assert live.unknown == []


def test_a_masked_route_makes_only_its_own_tasks_uncertain():
    live = read({"task_routes": {"api.*": MASK, "feed.*": {"queue": "feeds", "routing_key": MASK}, "mail": "post"}})
    certain = {task: explain(live_configuration.question(live, task))["certain"] for task in ("api.call", "feed.x", "mail", "other")}
    assert certain == {"api.call": False, "feed.x": False, "mail": True, "other": True}
    assert explain(live_configuration.question(live, "feed.x"))["queue"] == "feeds"


def test_a_compiled_pattern_is_read_back():
    live = read({"task_routes": [[["re.compile('(video|image)\\\\..*', re.IGNORECASE)", {"queue": "media"}]]]})
    assert explain(live_configuration.question(live, "IMAGE.x"))["queue"] == "media"


def test_masked_queues_of_the_table_form_are_read_from_active_queues():
    active = [{"name": "feeds", "exchange": {"name": "media", "type": "topic"}, "routing_key": "feed.#"}]
    live = read({"task_queues": {"feeds": {"exchange": "media", "exchange_type": "topic", "routing_key": MASK}, "other": {"binding_key": MASK}}}, [], active)
    assert explain(live_configuration.question(live, "x", options={"queue": "feeds"}))["routing_key"] == "feed.#"
    assert live.unknown == ["Queue 'other' of task_queues hides binding_key."]


@pytest.mark.parametrize(
    "conf", [None, [], "x", {"task_queues": 7, "task_routes": 7}, {"task_queues": [None, "q"], "task_routes": [7, [7]], "task_annotations": 7}]
)
def test_strange_answers_of_a_worker_are_survived(conf):
    live = read(conf, ["", 7, "name [queue"], [7, {"name": None}])
    assert isinstance(explain(live_configuration.question(live, "x")), dict)


def test_a_sender_with_another_configuration_is_noticed():
    answer = {"queue": "mail", "exchange": "", "routing_key": "mail"}
    assert live_configuration.sender_contradiction(answer, dict(answer)) == live_configuration.AGREES
    assert "queue 'celery'" in live_configuration.sender_contradiction(answer, {"queue": "celery", "exchange": "", "routing_key": "celery"})


def test_a_route_may_name_a_whole_queue():
    queue = {"name": "feeds", "exchange": {"name": "media", "type": "topic", "durable": True}, "routing_key": "feed.#"}
    found = explain(live_configuration.question(read({"task_routes": [{"feed.*": {"queue": queue}}]}), "feed.x"))
    assert (found["error"], found["queue"], found["exchange"]) == (None, "feeds", "media")


def test_nothing_but_routing_is_kept_of_a_configuration():
    conf = {
        "broker_url": "amqp://me:hunter2@rabbit",
        "DATABASES": {"default": {"PASSWORD": "hunter2"}},
        "task_routes": [{"a.*": {"queue": "a", "headers": {"authorization": "hunter2"}}}],
        "task_annotations": [{"*": {"queue": "a", "dsn": "hunter2"}}],
        "task_queues": [{"name": "a", "consumer_arguments": {"x": "hunter2"}, "queue_arguments": {"x-max-length": 5, "mine": "hunter2"}, "durable": True}],
        "CELERY_DEFAULT_QUEUE": "a",
        "task_default_exchange": None,
    }
    assert routing_settings.kept(conf) == {
        "task_routes": [{"a.*": {"queue": "a"}}],
        "task_annotations": [{"*": {"queue": "a"}}],
        "task_queues": [{"name": "a", "queue_arguments": {"x-max-length": 5}}],
        "CELERY_DEFAULT_QUEUE": "a",
    }


def test_a_function_is_the_same_in_every_worker_whatever_its_place_in_memory():
    kept = [routing_settings.kept({"task_routes": [f"<function route at {place}>"]}) for place in ("0x7f4eb6f3e020", "0x10")]
    assert kept[0] == kept[1] == {"task_routes": ["<function route>"]}


def test_a_configuration_beyond_the_bound_is_not_kept():
    assert routing_settings.kept({"task_routes": [{f"shop.task{number}": "queue" for number in range(10_000)}]}) is None


def test_what_json_may_hold_is_made_storable():
    deep = {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": "bottom"}}}}}}}}}}
    kept = routing_settings.kept({"task_default_queue": "a\x00b\ud800", "task_queues": [{"name": "q" * 600, "binding_arguments": deep}]})
    assert kept is not None
    assert kept["task_default_queue"] == "a�b?"
    assert len(kept["task_queues"][0]["name"]) == 500
    assert "bottom" not in str(kept)
