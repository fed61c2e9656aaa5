"""A task explained by the configuration that workers report: which one is used, what it leaves open, and whether the last task sent agrees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from dashboard.why.explanations import LoadedVhost
from dashboard.why.last_sent import AGREED
from dashboard.why.task_configuration import Configuration, ReportingWorkers, Sent
from dashboard.why.task_explanations import CONF_UNKNOWN, PATTERNS_UNKNOWN, SENDER_UNKNOWN, TASK_UNKNOWN, explain_live_task
from workers.destinations.settings import OLD_NAMES, SETTINGS
from workers.inspection import routing_settings
from workers.inspection.live_configuration import LiveConfiguration
from workers.router_functions import RouterUnavailable

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MASK = "********"
QUEUES = ("celery", "jobs", "mail", "feeds")


class Node(msgspec.Struct):
    hostname: str
    configuration: Any = None
    tasks: dict[str, Any] = {}
    queues: Any = None
    configuration_at: datetime | None = NOON
    id: int = 1

    @property
    def registered(self) -> Any:
        return [{"name": name, "attributes": attributes} for name, attributes in self.tasks.items()]


TOPOLOGY = Topology(
    "/",
    (ExchangeDefinition("", "direct"), ExchangeDefinition("media", "topic")),
    tuple(QueueDefinition(name, "classic") for name in QUEUES),
    (BindingDefinition("media", "feeds", "queue", "feed.#", {}),),
    (),
)
PLACE = LoadedVhost(TOPOLOGY, "4.0.5", dict.fromkeys(QUEUES, 1), {})


@pytest.fixture
def place() -> LoadedVhost:
    return PLACE


def explained(place: LoadedVhost, *nodes: Node, sent: Sent | None = None, **request: Any) -> dict[str, Any]:
    task = request.get("task", "shop.pay")
    known = msgspec.structs.replace(ReportingWorkers(nodes).known(task if isinstance(task, str) else ""), sent=sent)
    return explain_live_task(place, {"task": "shop.pay", **request}, known).as_json()


def sent(queue: str) -> Sent:
    return Sent(7, "u-1", NOON, queue, "", queue, [])


ROUTED = {"task_routes": {"shop.*": {"queue": "mail"}}}
PAYS = {"shop.pay": {}}


def test_the_configuration_of_a_worker_is_used_and_named(place: LoadedVhost) -> None:
    answer = explained(place, Node("a@web-1", ROUTED, PAYS))
    assert (answer["queue"], answer["broker"]["queues"]) == ("mail", ["mail"])
    assert (answer["configuration"]["source"], answer["configuration"]["name"], answer["configuration"]["at"]) == ("worker", "a@web-1", NOON.isoformat())
    assert (answer["certain"], answer["unknown"], answer["sent"]) == (False, [SENDER_UNKNOWN, PATTERNS_UNKNOWN], None)


def test_a_sent_task_that_agrees_makes_it_certain(place: LoadedVhost) -> None:
    answer = explained(place, Node("a@web-1", ROUTED, PAYS), sent=sent("mail"))
    assert (answer["certain"], answer["unknown"]) == (True, [])
    assert (answer["sent"]["agrees"], answer["sent"]["text"], answer["sent"]["uuid"]) == (True, AGREED, "u-1")


def test_a_sent_task_that_went_elsewhere_contradicts(place: LoadedVhost) -> None:
    answer = explained(place, Node("a@web-1", ROUTED, PAYS), sent=sent("celery"))
    assert answer["certain"] is False
    assert "The sender used queue 'celery'" in answer["unknown"][0]
    assert answer["sent"]["agrees"] is False


def test_a_sent_task_proves_nothing_where_the_call_decides(place: LoadedVhost) -> None:
    answer = explained(place, Node("a@web-1", ROUTED, PAYS), sent=sent("mail"), options={"queue": "jobs"})
    assert answer["sent"] is None
    assert SENDER_UNKNOWN in answer["unknown"]


def test_the_workers_that_know_the_task_count_and_most_of_them_decide(place: LoadedVhost) -> None:
    nodes = [
        Node("a@web-1", {"task_default_queue": "jobs"}, {"other": {}}),
        Node("b@web-1", {"task_default_queue": "celery"}, PAYS),
        Node("c@web-1", ROUTED, PAYS, configuration_at=NOON - timedelta(seconds=9)),
        Node("d@web-1", ROUTED, PAYS),
    ]
    answer = explained(place, *nodes)
    assert (answer["queue"], answer["configuration"]["name"], answer["configuration"]["same"]) == ("mail", "d@web-1", 1)
    assert answer["unknown"][0].startswith("Worker node b@web-1 has another configuration, by which the task goes to queue 'celery'")


def test_configurations_that_differ_elsewhere_are_no_uncertainty(place: LoadedVhost) -> None:
    nodes = [Node("a@web-1", ROUTED, PAYS), Node("b@web-1", {**ROUTED, "task_default_queue": "jobs"}, PAYS)]
    assert explained(place, *nodes, sent=sent("mail"))["certain"] is True


def test_a_task_that_no_worker_registered_goes_by_any_configuration_and_is_not_certain(place: LoadedVhost) -> None:
    answer = explained(place, Node("a@web-1", ROUTED, {"other": {}}), sent=sent("mail"))
    assert (answer["queue"], answer["unknown"], answer["certain"]) == ("mail", [TASK_UNKNOWN], False)


def test_only_what_is_hidden_of_this_task_is_shown(place: LoadedVhost) -> None:
    conf = {
        "task_default_queue": "jobs",
        "task_default_routing_key": MASK,
        "task_routes": [{"shop.*": {"queue": "mail"}}, "<function by_name>"],
        "task_annotations": {"other": {"routing_key": MASK}},
    }
    nodes = Node("a@web-1", conf, {**PAYS, "late.run": {}, "other": {}})
    assert explained(place, nodes, sent=sent("mail"))["unknown"] == []
    late = explained(place, nodes, task="late.run", sent=sent("jobs"))
    assert (late["certain"], late["unknown"]) == (False, ["The router <function by_name> is code of the application: its answers are unknown."])
    assert "task_annotations hides routing_key of other." in explained(place, nodes, task="other")["unknown"]


def test_a_masked_default_key_counts_where_it_decides(place: LoadedVhost) -> None:
    conf = {"task_default_routing_key": MASK, "task_default_exchange": "media", "task_default_exchange_type": "topic", "task_queues": [{"name": "celery"}]}
    answer = explained(place, Node("a@web-1", conf, PAYS))
    assert "task_default_routing_key is masked, and no queue reveals it." in answer["unknown"]


def test_settings_in_the_question_win(place: LoadedVhost) -> None:
    answer = explained(place, Node("a@web-1", ROUTED, PAYS), conf={"task_default_queue": "jobs"})
    assert (answer["queue"], answer["configuration"]["source"], answer["certain"]) == ("jobs", "question", True)


@pytest.mark.parametrize("nodes", [[], [Node("a@web-1", None, PAYS)]])
def test_without_a_reported_configuration_celerys_defaults_are_assumed(place: LoadedVhost, nodes: list[Node]) -> None:
    answer = explained(place, *nodes)
    assert (answer["queue"], answer["configuration"]["source"], answer["certain"]) == ("celery", "defaults", False)
    assert CONF_UNKNOWN in answer["unknown"]


def test_differences_from_the_expected_precedence_are_listed_by_key(place: LoadedVhost) -> None:
    answer = explained(place, Node("a@web-1", ROUTED, PAYS), options={"queue": "jobs"})
    assert (answer["queue"], answer["differing"]) == ("jobs", ["queue"])
    assert answer["differences"] == [{"key": "queue", "learned_layer": "router", "learned": "mail", "layer": "option", "value": "jobs"}]


def test_old_names_of_settings_are_mapped_aloud(place: LoadedVhost) -> None:
    answer = explained(place, Node("a@web-1", {"CELERY_DEFAULT_QUEUE": "jobs", "CELERY_TASK_ROUTES": {"shop.*": "mail"}}, PAYS))
    assert answer["queue"] == "mail"
    assert any("CELERY_TASK_ROUTES is another name of task_routes" in step["why"] for step in answer["steps"])


def test_a_question_that_cannot_be_read_stays_an_error(place: LoadedVhost) -> None:
    for task in ({"name": 5}, None, ["a"]):
        assert explained(place, Node("a@web-1", ROUTED, PAYS), task=task)["error"].startswith("BadQuestion: task")


def application(routers: dict[str, Any]) -> Configuration:
    live = LiveConfiguration({"task_routes": [{"$router": "proj.by_name"}]}, {"shop.pay": {"queue": "feeds"}}, [])
    return Configuration("application", "proj.celery:app", None, live, routers=routers)


def with_application(place: LoadedVhost, router: Any, *nodes: Node) -> dict[str, Any]:
    known = ReportingWorkers(nodes).known("shop.pay")
    configurations = [application({"proj.by_name": router}), *known.configurations]
    return explain_live_task(place, {"task": "shop.pay", "args": ["eu"]}, msgspec.structs.replace(known, configurations=configurations)).as_json()


def test_the_application_itself_is_certain_and_its_functions_are_called(place: LoadedVhost) -> None:
    answer = with_application(place, lambda name, args, *_, **__: {"routing_key": "x"} if args == ["eu"] else None, Node("a@web-1", ROUTED, PAYS))
    assert (answer["queue"], answer["certain"], answer["configuration"]["source"], answer["configuration"]["name"]) == (
        "feeds",
        False,
        "application",
        "proj.celery:app",
    )
    assert answer["unknown"] == ["Worker node a@web-1 has another configuration, by which the task goes to queue 'mail', exchange '', routing_key 'mail'."]
    assert with_application(place, lambda *_, **__: None)["certain"] is True


def test_an_application_that_gives_no_answer_is_replaced_by_what_workers_reported(place: LoadedVhost) -> None:
    def without_opinion(*_: Any, **__: Any) -> None:
        raise RouterUnavailable("The application proj.celery:app gave no answer.")

    answer = with_application(place, without_opinion, Node("a@web-1", ROUTED, PAYS))
    assert (answer["queue"], answer["configuration"]["name"]) == ("mail", "a@web-1")
    assert answer["unknown"][0] == "The application proj.celery:app gave no answer."
    assert with_application(place, without_opinion)["configuration"]["source"] == "defaults"


def test_a_configuration_that_cannot_be_used_is_no_error_in_the_question(place: LoadedVhost) -> None:
    odd = Node("a@web-1", {"task_queues": [{"name": "mail", "max_length": "many"}]}, PAYS)
    answer = explained(place, odd)
    assert (answer["queue"], answer["configuration"]["source"]) == ("celery", "defaults")
    assert answer["unknown"][0].startswith("The configuration reported by worker node a@web-1 can’t be used: conf.task_queues[0].$queue.max_length")
    assert explained(place, odd, Node("b@web-1", ROUTED, PAYS))["configuration"]["name"] == "b@web-1"


NAMES = ("name", "queue", "exchange", "routing_key", "shop.pay", "shop.*", "*", "$queue", "$regex", "$router", "$broadcast", "type", "bindings", "priority")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "mail", MASK, "re.compile('(', re.X)", "<function f>", "*", "topic"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "queue", "exchange", "routing_key", "shop.pay", "shop.*", "*", "$queue", "$regex", "$router", "type"]), inner
        )
    ),
    max_leaves=12,
)


@example({"CELERY_ANNOTATIONS": {"name": None, "shop.pay": {"queue": True}}})
@given(st.dictionaries(st.sampled_from([*SETTINGS, *OLD_NAMES, "CELERY_TASK_QUEUES"]), JSON_VALUES, max_size=4))
def test_whatever_a_worker_shows_there_is_an_answer(conf: dict[str, Any]) -> None:
    answer = explained(PLACE, Node("a@web-1", routing_settings.kept(conf), PAYS))
    assert not (answer["error"] or "").startswith("BadQuestion")
