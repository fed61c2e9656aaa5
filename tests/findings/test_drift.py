"""Configuration drift: what workers report, compared with the broker and with each other."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from dashboard.findings.drift import OF_QUEUES, Bound, Drift, Reported
from dashboard.findings.drift import found as drifts
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import queue_named_twice, route_undeclared, route_unmatched, settings_differ, stale_binding
from tests.findings import objects
from tests.findings.objects import NOON, found, unsure
from workers.models import Worker

RULES: list[Any] = [stale_binding, queue_named_twice, route_unmatched, route_undeclared, settings_differ]


def consumed(name: str = "mail", exchange: str = "mail", key: str = "mail", **declared: Any) -> dict[str, Any]:
    return {"name": name, "exchange": exchange, "exchange_type": "direct", "routing_key": key, "declared": {"name": name, **declared}}


MAIL = (consumed(),)


def worker(hostname: str = "a@web-1", *, queues: Any = MAIL, tasks: Collection[str] = ("shop.mail",), **conf: Any) -> Reported:
    registered = [{"name": name, "attributes": {}} for name in tasks]
    return Reported("/", hostname, conf, None if queues is None else list(queues), registered, NOON)


def seen(*workers: Reported, bound: Collection[Bound] = (), there: Collection[str] = ("mail",)) -> list[Drift]:
    return drifts(workers, bound, lambda _, names: [name for name in names if name in there])


def names(*workers: Reported, **more: Any) -> list[tuple[str, str]]:
    return [(one.what, one.name) for one in seen(*workers, **more)]


def bound(source: str = "mail", queue: str = "mail", key: str = "mail") -> Bound:
    return Bound("/", source, queue, key, NOON - timedelta(days=1))


def test_of_two_bindings_alike_but_for_their_arguments_the_one_that_nobody_configures_is_found_and_named_for_the_api() -> None:
    one, other = {"x-match": "all", "type": "mail"}, {"x-match": "all", "type": "sms"}
    configured = worker(queues=[consumed(key="", binding_arguments=one)])
    there = [Bound("/", "mail", "mail", "", NOON, arguments, f"~{place}") for place, arguments in enumerate((one, other))]
    assert seen(configured, bound=there[:1]) == []
    stale = by_rule(*seen(configured, bound=there))["stale_binding"]
    assert stale.summary == 'From mail with no key and {"type":"sms","x-match":"all"}.'
    assert stale.command.endswith("properties_key='~1'")
    assert names(worker(task_queues=[{"name": "mail", "exchange": "mail", "routing_key": "mail", "binding_arguments": one}]), bound=[bound()]) == []


def test_workers_and_a_broker_that_agree_have_no_drift() -> None:
    assert names(worker(task_routes={"shop.mail": {"queue": "mail"}, "shop.*": "mail"}), worker("b@web-2"), bound=[bound()]) == [("settings", "task_routes")]
    assert names(worker(task_routes={"shop.mail": {"queue": "mail"}, "shop.*": "mail"}), bound=[bound()]) == []
    assert names() == []


def test_a_binding_of_before_a_change_of_the_key_or_exchange_stays_and_is_found() -> None:
    assert names(worker(), bound=[bound(), bound(key="mail.old")]) == [("binding", "mail")]
    assert by_rule(*seen(worker(), bound=[bound(key="a\0b")]))["stale_binding"].summary == "From mail with a\0b."
    renamed = worker(queues=[consumed(exchange="tasks", key="mail")])
    assert names(renamed, bound=[bound("tasks"), bound("mail")]) == [("binding", "mail")]


@pytest.mark.parametrize(
    "other",
    [
        bound("orders", "mail", "#"),  # an exchange that no worker names: somebody else's
        bound("mail", "reports", "x"),  # a queue that no worker consumes
    ],
)
def test_bindings_that_may_be_of_others_are_left_alone(other: Bound) -> None:
    assert names(worker(), bound=[other]) == []


def test_bindings_that_any_worker_has_are_configured() -> None:
    several = consumed(bindings=[{"exchange": {"name": "mail"}, "routing_key": "x"}, {"exchange": "mail", "routing_key": "y"}])
    assert names(worker(queues=[several]), bound=[bound(key="x"), bound(key="y")]) == []
    by_list = worker(task_queues=[{"name": "mail", "exchange": {"name": "mail"}, "routing_key": "z"}])
    by_table = worker(task_queues={"mail": {"exchange": "mail", "binding_key": "z"}})
    assert names(by_list, bound=[bound(key="z")]) == names(by_table, bound=[bound(key="z")]) == []
    masked = worker(queues=[consumed(key="********")])
    assert names(masked, bound=[bound(key="z")]) == []


def test_a_queue_named_twice() -> None:
    twice = [{"name": "mail", "routing_key": "a"}, {"name": "mail", "routing_key": "b"}, {"name": "other"}]
    assert ("queue twice", "mail") in names(worker(CELERY_QUEUES=twice))
    assert names(worker(task_queues=[{"name": "mail"}, {"name": "other"}])) == []


def test_routes_that_match_no_task() -> None:
    routes = {"shop.mial": "mail", "gone.*": "mail", "shop.*": "mail", "celery.backend_cleanup": "mail", "********": "********"}
    found_routes = {one.name: one.near for one in seen(worker(task_routes=routes)) if one.what == "route unmatched"}
    assert found_routes == {"shop.mial": "", "gone.*": ""}
    (near,) = seen(worker(task_routes=[[["Shop.mail", {"queue": "mail"}]]]))
    assert (near.name, near.near) == ("Shop.mail", "shop.mail")
    assert names(worker(task_routes=[{"$router": "shop.route"}, "shop.routing.route", [[{"$pattern": "x"}, "mail"]]])) == []


def test_routes_to_queues_that_are_nowhere() -> None:
    routes = {"shop.mail": {"queue": "mial"}, "shop.*": {"queue": {"name": "later"}}}
    assert names(worker(task_routes=routes)) == [("route undeclared", "mial"), ("route undeclared", "later")]
    assert names(worker(task_routes=routes, task_queues=[{"name": "mial"}, {"name": "later"}])) == []
    assert names(worker(task_routes=routes), there=["mial", "later"]) == []
    assert [one.may_create for one in seen(worker(task_routes={"shop.mail": "x"}, task_create_missing_queues=False))] == [False]


def test_settings_that_differ_within_one_application() -> None:
    three = [worker(f"{letter}@web", task_default_queue=queue) for letter, queue in zip("abc", ("one", "one", "two"), strict=True)]
    (one,) = seen(*three)
    assert (one.what, one.name, one.workers, one.others, one.values) == (
        "settings",
        "task_default_queue",
        ("a@web", "b@web"),
        ("c@web",),
        ("one (2)", "two (1)"),
    )
    assert names(worker(CELERY_DEFAULT_QUEUE="one"), worker("b@web", task_default_queue="one")) == []
    assert names(worker(task_default_queue="one"), worker("b@web", tasks=["other.app"], task_default_queue="two")) == []


def test_nothing_is_concluded_before_every_worker_has_reported() -> None:
    silent = worker("b@web-2", queues=None)
    assert names(worker(task_routes={"gone": "nowhere"}), silent, bound=[bound(key="old")]) == []


@pytest.mark.parametrize("rule", RULES)
def test_what_is_not_known_yet_is_not_cleared(rule: Any) -> None:
    assert len(unsure(rule, objects.facts(drift=None))) == 1
    assert objects.look(rule, objects.facts(drift=[])) == []


def by_rule(*found_drifts: Drift) -> dict[str, Found]:
    known = [msgspec.structs.replace(one, pk=7) if one.what in OF_QUEUES else one for one in found_drifts]  # as the reader does
    facts = objects.facts(drift=known, workers=[objects.worker()])
    return {one.rule: one for rule in RULES for one in found(rule, facts)}


def test_each_kind_of_drift_is_a_finding_that_says_what_and_by_whom() -> None:
    reported = by_rule(
        *seen(
            worker(task_queues=[{"name": "mail", "routing_key": "mail"}, {"name": "mail"}], task_routes={"Shop.mail": "mail", "shop.mail": "mial"}),
            worker("b@web-2", task_queues=[{"name": "mail"}]),
            bound=[bound(key="it's old")],
        )
    )
    assert {rule: one.whole_title for rule, one in reported.items()} == {
        "stale_binding": "mail has 1 binding that no worker’s configuration has",
        "queue_named_twice": "mail is named twice in task_queues",
        "route_unmatched": "The route Shop.mail matches no known task",
        "route_undeclared": "The route shop.mail leads to the queue mial, which does not exist",
        "settings_differ": "2 worker nodes with the same tasks differ in task_queues and task_routes",
    }
    assert reported["route_unmatched"].level == "warning"
    assert reported["stale_binding"].object.pk == 7
    assert """properties_key='it'"'"'s old'""" in reported["stale_binding"].command


def test_hostile_names_stay_text() -> None:
    name = "<b>\n\udcff$(x)"
    one = worker(queues=[consumed(name, name, name)], task_queues=[{"name": name}, {"name": name}], task_routes={name: name + "x"}, tasks=[name])
    assert set(by_rule(*seen(one, bound=[bound(name, name, "old")]))) == {"stale_binding", "queue_named_twice", "route_undeclared"}


@pytest.mark.parametrize(("left", "opened", "count"), [(119, False, 0), (119, True, 1), (121, False, 1)])
def test_while_a_deployment_goes_on_no_drift_is_reported_anew(left: int, opened: bool, count: int) -> None:
    gone = objects.worker(state=Worker.GONE, since=NOON - timedelta(seconds=left))
    drift = [Drift("route undeclared", "/", "mial", "shop.mail"), Drift("route undeclared", "other", "mial", "shop.mail")]
    open_objects = {"route_undeclared": [Object("queue", "mial", "/")]} if opened else {}
    seen = found(route_undeclared, objects.facts(drift=drift, workers=[gone], open_objects=open_objects))
    assert [one.object.vhost for one in seen] == ["/"] * count + ["other"]
