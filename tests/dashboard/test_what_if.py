"""What if another route, binding or policy applied: a task's path before and after, in a monitored broker and in a declared one."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from brokers.routing.answer import as_json
from brokers.routing.fields import InvalidQuestion
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from dashboard.why.explain_lines_celery import answer_line
from dashboard.why.explanations import LoadedVhost, explain_message
from dashboard.why.route_changes import changed_routes, route_change_text
from dashboard.why.task_configuration import Configuration, KnownTask
from dashboard.why.task_explanations import explain_given_task, explain_live_task
from workers.inspection.live_configuration import LiveConfiguration

TO_MAIL = {"change": "set_route", "name": "shop.*", "route": {"queue": "mail"}}
TTL = {"change": "set_policy", "name": "short", "pattern": "^celery$", "definition": {"message-ttl": 500}}
DEFAULT_BINDING = {"source": "celery", "destination": "celery", "routing_key": "celery"}


@pytest.fixture
def place() -> LoadedVhost:
    queues = ("celery", "mail", "idle")
    topology = Topology(
        "/",
        (ExchangeDefinition("", "direct"), ExchangeDefinition("celery", "direct"), ExchangeDefinition("mail", "direct")),
        tuple(QueueDefinition(name, "classic") for name in queues),
        tuple(BindingDefinition(name, name, "queue", name, {}) for name in ("celery", "mail")),
    )
    return LoadedVhost(topology, "4.0.5", {"celery": 1, "mail": 1, "idle": 0}, {})


def live(place: LoadedVhost, *changes: dict[str, Any], known: KnownTask | None = None, **request: Any) -> dict[str, Any]:
    question = {"task": {"name": "shop.pay"}, "conf": {}, "what_if": list(changes), **request}
    return explain_live_task(place, question, known or KnownTask()).as_json()


def routes(conf: dict[str, Any], *changes: dict[str, Any]) -> Any:
    before = copy.deepcopy(conf)
    found = changed_routes(conf, [(change, f"what_if[{number}]") for number, change in enumerate(changes)])
    assert conf == before
    return found


def test_a_route_sends_the_task_elsewhere(place: LoadedVhost) -> None:
    answer = live(place, TO_MAIL)
    found = answer["what_if"]
    assert (answer["queue"], found["answer"]["queue"], found["gained"], found["lost"]) == ("celery", "mail", ["mail"], ["celery"])
    assert found["text"] == (
        "Celery would send it to queue `mail`, through the default exchange with the key `mail`, instead of queue `celery`, "
        "through the default exchange with the key `celery`. It would reach queue mail, and no longer celery."
    )
    assert "what_if" not in found["answer"]


def test_a_queue_without_consumers_is_shown_for_a_route(place: LoadedVhost) -> None:
    assert live(place, {**TO_MAIL, "route": "idle"})["what_if"]["text"].endswith("Nobody consumes idle: it would wait there.")


def test_a_route_that_another_is_preferred_to_changes_nothing(place: LoadedVhost) -> None:
    found = live(place, TO_MAIL, conf={"task_routes": {"shop.pay": {"queue": "celery"}}})["what_if"]
    assert found["text"] == "Nothing would change: it would still reach queue celery."


def test_a_policy_counts_for_a_task_too(place: LoadedVhost) -> None:
    assert live(place, TTL)["what_if"]["text"] == "In celery it would expire after 500 ms instead of never."


def test_an_argument_that_the_sender_declares_otherwise_is_celerys_error(place: LoadedVhost) -> None:
    """The very mistake that a what-if is for."""
    conf = {"task_queues": [{"$queue": {"name": "celery", "exchange": {"$exchange": {"name": "celery", "type": "direct"}}, "routing_key": "celery"}}]}
    argument = {"change": "set_queue_argument", "queue": "celery", "argument": "x-message-ttl", "value": 5}
    found = live(place, argument, conf=conf, options={"queue": "celery"})["what_if"]
    assert found["text"].startswith("It would not be sent: PreconditionFailed: Queue.declare: (406)")
    assert (found["gained"], found["lost"]) == ([], ["celery"])


def test_a_live_configuration_is_what_a_route_is_set_in(place: LoadedVhost) -> None:
    worker_configuration = Configuration("worker", "a@web-1", None, LiveConfiguration({"task_routes": {"shop.*": {"queue": "idle"}}}, {"shop.pay": {}}, []))
    answer = live(place, TO_MAIL, known=KnownTask([worker_configuration]), conf=None, task="shop.pay")
    assert (answer["queue"], answer["what_if"]["answer"]["queue"]) == ("idle", "mail")
    assert answer["what_if"]["answer"]["unknown"] == answer["unknown"]


def test_what_is_unknown_stays_unknown_after_the_changes(place: LoadedVhost) -> None:
    answer = live(place, TO_MAIL, conf=None)
    assert (answer["certain"], answer["what_if"]["answer"]["certain"]) == (False, False)
    assert answer["what_if"]["answer"]["unknown"] == answer["unknown"]


def test_a_message_shows_consumers_after_the_changes(place: LoadedVhost) -> None:
    change = {"change": "add_binding", "source": "mail", "destination": "idle", "routing_key": "mail"}
    answer = as_json(explain_message(place, {"exchange": "mail", "routing_key": "mail", "what_if": [change]}))
    assert answer["what_if"]["text"] == "It would also reach queue idle; mail still gets it. Nobody consumes idle: it would wait there."
    assert [(one["queue"], one["consumers"]) for one in answer["what_if"]["answer"]["after"]] == [("idle", 0), ("mail", 1)]


def test_a_named_broker_changes_too() -> None:
    predeclare = {
        "exchanges": [{"name": "celery", "durable": True}, {"name": "lost", "type": "fanout"}],
        "queues": [{"name": "celery", "durable": True}, {"name": "dead", "durable": False}],
        "bindings": [{**DEFAULT_BINDING, "destination_type": "queue"}],
    }
    request = {"conf": {}, "task": {"name": "shop.pay"}, "predeclare": predeclare}
    before = copy.deepcopy(request)
    to_dead = {"change": "add_binding", "source": "celery", "destination": "dead", "routing_key": "celery"}
    options = {"exchange": "celery", "routing_key": "celery", "exchange_type": "direct"}
    found = explain_given_task({**request, "options": options, "what_if": [to_dead]}).as_json()["what_if"]
    assert (found["gained"], found["lost"]) == (["dead"], [])
    assert explain_given_task({**request, "what_if": [TTL]}).as_json()["what_if"]["answer"]["broker"]["after"][0]["ttl_ms"] == 500
    assert request == before


def test_a_binding_that_the_sender_declares_comes_back() -> None:
    predeclare = {"exchanges": [{"name": "celery"}], "queues": [{"name": "celery"}], "bindings": [{**DEFAULT_BINDING, "destination_type": "queue"}]}
    options = {"exchange": "celery", "routing_key": "celery", "exchange_type": "direct"}
    request = {"conf": {}, "task": {"name": "shop.pay"}, "predeclare": predeclare, "options": options}
    found = explain_given_task({**request, "what_if": [{"change": "remove_binding", **DEFAULT_BINDING}]}).as_json()["what_if"]
    assert found["text"] == "Nothing would change: it would still reach queue celery."


@pytest.mark.parametrize(
    ("conf", "changed"),
    [
        ({}, {"task_routes": {"shop.*": {"queue": "mail"}}}),
        ({"task_routes": None}, {"task_routes": {"shop.*": {"queue": "mail"}}}),
        ({"task_routes": {"a": "b"}}, {"task_routes": {"a": "b", "shop.*": {"queue": "mail"}}}),
        ({"task_routes": {"shop.*": "b", "c": "d"}}, {"task_routes": {"shop.*": {"queue": "mail"}, "c": "d"}}),
        ({"task_routes": {"$router": "mine"}}, {"task_routes": [{"$router": "mine"}, {"shop.*": {"queue": "mail"}}]}),
        ({"task_routes": [{"a": "b"}, {"$router": "mine"}]}, {"task_routes": [{"a": "b", "shop.*": {"queue": "mail"}}, {"$router": "mine"}]}),
        ({"task_routes": [[["a", "b"]]]}, {"task_routes": [[["a", "b"], ["shop.*", {"queue": "mail"}]]]}),
        ({"task_routes": [[["shop.*", "b"]], {"c": "d"}]}, {"task_routes": [[["shop.*", {"queue": "mail"}]], {"c": "d"}]}),
        ({"CELERY_ROUTES": {"a": "b"}}, {"CELERY_ROUTES": {"a": "b", "shop.*": {"queue": "mail"}}}),
        ({"CELERY_TASK_ROUTES": {"a": "b"}}, {"CELERY_TASK_ROUTES": {"a": "b", "shop.*": {"queue": "mail"}}}),
    ],
)
def test_a_route_is_set_where_it_stands_or_below_all_others(conf: dict[str, Any], changed: dict[str, Any]) -> None:
    assert routes(conf, TO_MAIL) == changed


def test_a_route_is_taken_out_of_a_table_and_of_pairs() -> None:
    gone = {"change": "remove_route", "name": "shop.*"}
    assert routes({"task_routes": {"shop.*": "b", "c": "d"}}, gone) == {"task_routes": {"c": "d"}}
    assert routes({"task_routes": [{"c": "d"}, [["shop.*", "b"]]]}, gone) == {"task_routes": [{"c": "d"}, []]}
    assert route_change_text(gone, "what_if[0]") == "The route `shop.*` is removed from task_routes."
    assert route_change_text(TO_MAIL, "what_if[0]") == "The route `shop.*` of task_routes gives queue `mail`."


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({**TO_MAIL, "name": ""}, "what_if[0].name"),
        ({**TO_MAIL, "name": ["a"]}, "what_if[0].name"),
        ({**TO_MAIL, "name": "x" * 1001}, "what_if[0].name"),
        ({**TO_MAIL, "name": "$router"}, "what_if[0].name"),
        ({"change": "set_route", "name": "a"}, "what_if[0].route"),
        ({"change": "set_route", "name": "a", "route": "b", "queue": "c"}, "what_if[0].queue"),
        ({**TO_MAIL, "route": {}}, "what_if[0].route"),
        ({**TO_MAIL, "route": []}, "what_if[0].route"),
        ({**TO_MAIL, "route": {"queue": ""}}, "what_if[0].route.queue"),
        ({**TO_MAIL, "route": ""}, "what_if[0].route.queue"),
        ({**TO_MAIL, "route": {"queue": {"$queue": {"name": "a"}}}}, "what_if[0].route.queue"),
        ({**TO_MAIL, "route": {"priority": True}}, "what_if[0].route.priority"),
        ({**TO_MAIL, "route": {"serializer": "pickle"}}, "what_if[0].route.serializer"),
        ({"change": "remove_route", "name": "a"}, "what_if[0].name"),
        ({"change": "paint"}, "what_if[0].change"),
        ({"change": {}}, "what_if[0].change"),
        ({"change": "add_binding", "source": "nowhere", "destination": "celery"}, "what_if[0].source"),
    ],
)
def test_a_change_that_does_not_fit_names_its_field(place: LoadedVhost, change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidQuestion) as caught:
        live(place, change)
    assert caught.value.field == field
    request = {"conf": {}, "task": {"name": "shop.pay"}, "what_if": [change]}
    assert answer_line(json.dumps(request).encode())["error"].startswith(f"BadQuestion: {field} ")


def test_a_question_that_cannot_be_read_is_reported_first(place: LoadedVhost) -> None:
    answer = live(place, TO_MAIL, conf={"task_queues": 5})
    assert answer["error"].startswith("BadQuestion: conf.task_queues")
    assert "what_if" not in answer
    assert explain_given_task({"conf": 5, "task": "a", "what_if": [TO_MAIL]}).as_json()["error"].startswith("BadQuestion: conf")


def test_a_line_of_the_command_is_compared_by_the_queue_that_celery_names() -> None:
    line = json.dumps({"conf": {}, "task": {"name": "shop.pay"}, "what_if": [TO_MAIL]}).encode()
    answer = answer_line(line)
    assert (answer["queue"], answer["what_if"]["gained"], answer["what_if"]["lost"]) == ("celery", ["mail"], ["celery"])
    nothing = answer_line(json.dumps({"conf": {}, "task": {"name": "other"}, "what_if": [TO_MAIL]}).encode())["what_if"]
    assert nothing["text"] == "Nothing would change: it would still go to celery."
    assert "what_if" not in answer_line(json.dumps({"conf": {}, "task": {"name": "other"}, "what_if": []}).encode())
