"""What a worker tells of its configuration becomes a question; what it hides is named."""

import json
from pathlib import Path

import pytest

from workers import live_configuration
from workers.explain_task import explain

SAMPLES = Path(__file__).parents[2] / "cases" / "celery"
MASK = live_configuration.MASK


def sample(name):
    return json.loads((SAMPLES / f"inspect_{name}.json").read_text())["prefork@host1"]


@pytest.fixture(params=["conf", "conf_with_defaults"])
def live(request):
    return live_configuration.read(sample(request.param), sample("registered_attrs"), sample("active_queues"))


def test_a_real_worker_is_understood_and_its_functions_are_named_as_opaque(live):
    assert [queue["$queue"]["name"] for queue in live.conf["task_queues"]] == ["default", "feeds", "mail"]
    assert live.tasks["shop.slow"] == {"exchange": "tasks", "routing_key": "task.slow"}
    assert live.tasks["shop.add"] == {"queue": "default", "priority": 3}
    assert [sentence.partition(" at ")[0] for sentence in live.unknown] == [
        "task_default_routing_key is masked, and no queue tells it.",
        "The router <function by_name_prefix",
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
    live = live_configuration.read(
        {"task_default_exchange_type": "topic", "task_default_routing_key": MASK}, [], [{"name": "celery", "routing_key": "task.default"}]
    )
    assert live.conf["task_default_routing_key"] == "task.default"
    assert live.unknown == []


def test_a_masked_route_makes_only_its_own_tasks_uncertain():
    live = live_configuration.read({"task_routes": {"api.*": MASK, "feed.*": {"queue": "feeds", "routing_key": MASK}, "mail": "post"}})
    certain = {task: explain(live_configuration.question(live, task))["certain"] for task in ("api.call", "feed.x", "mail", "other")}
    assert certain == {"api.call": False, "feed.x": False, "mail": True, "other": True}
    assert explain(live_configuration.question(live, "feed.x"))["queue"] == "feeds"


def test_a_compiled_pattern_is_read_back():
    live = live_configuration.read({"task_routes": [[["re.compile('(video|image)\\\\..*', re.IGNORECASE)", {"queue": "media"}]]]})
    assert explain(live_configuration.question(live, "IMAGE.x"))["queue"] == "media"


def test_masked_queues_of_the_table_form_are_read_from_active_queues():
    active = [{"name": "feeds", "exchange": {"name": "media", "type": "topic"}, "routing_key": "feed.#"}]
    live = live_configuration.read(
        {"task_queues": {"feeds": {"exchange": "media", "exchange_type": "topic", "routing_key": MASK}, "other": {"binding_key": MASK}}}, [], active
    )
    assert explain(live_configuration.question(live, "x", options={"queue": "feeds"}))["routing_key"] == "feed.#"
    assert live.unknown == ["Queue 'other' of task_queues hides binding_key."]


@pytest.mark.parametrize(
    "conf", [None, [], "x", {"task_queues": 7, "task_routes": 7}, {"task_queues": [None, "q"], "task_routes": [7, [7]], "task_annotations": 7}]
)
def test_strange_answers_of_a_worker_are_survived(conf):
    live = live_configuration.read(conf, ["", 7, "name [queue"], [7, {"name": None}])
    assert isinstance(explain(live_configuration.question(live, "x")), dict)


def test_a_sender_of_another_mind_is_told_apart():
    answer = {"queue": "mail", "exchange": "", "routing_key": "mail"}
    assert live_configuration.told_apart(answer, dict(answer)) is None
    assert "queue 'celery'" in live_configuration.told_apart(answer, {"queue": "celery", "exchange": "", "routing_key": "celery"})
