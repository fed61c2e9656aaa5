"""The lab's pages: who may start what where, how much runs at once, and what they show of an experiment."""

from __future__ import annotations

import html
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db import connections
from django.db.models import F
from django.test import Client
from pytest_django import Settings

from brokers.addresses import BrokerAddress
from brokers.models import Broker
from brokers.polling import leases
from brokers.store import installation_id
from dashboard import store
from dashboard.lab.runner import LEASE
from dashboard.models import AuditEvent, LabExperiment, User
from tests.pages.conftest import now, person
from tests.people import person as a_person
from workers.lab.catalog import PATTERNS
from workers.lab.tally import Seen

__all__ = ("now", "person")
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def marked(settings: Settings, now: datetime) -> None:
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p"),)
    settings.LAB = frozenset({"prod"})
    if not Broker.objects.filter(name="prod").exists():
        Broker.objects.create(name="prod", state=Broker.UP)
    installation_id(now)
    leases.take(LEASE, "lab:1", now, 600)


def text_of(client: Client, path: str = "/lab/") -> str:
    return html.unescape(client.get(path).content.decode())


def start(client: Client, pattern: str = "work_queue", broker: str = "prod") -> Any:
    return client.post("/lab/start/", {"pattern": pattern, "broker": broker})


def started(client: Client, pattern: str = "work_queue") -> LabExperiment:
    assert start(client, pattern).status_code == 302
    return LabExperiment.objects.latest("pk")


def measured(nodes: int = 3, **more: Any) -> dict[str, Any]:
    rows = [
        {"name": f"node-{number}", "queue": "work", "limit": 1, **msgspec.to_builtins(Seen(got=40, done=40, most_held=1, address="127.0.0.1"))}
        for number in range(1, nodes + 1)
    ]
    verdict = {"holds": "yes", "text": "Of 120 messages each node did 33.3%."}
    usual = {
        "revision": 1,
        "sent": 120,
        "outstanding": 0,
        "paused": False,
        "problem": "",
        "nodes": rows,
        "verdict": verdict,
        "messages": [],
    }
    return {**usual, **more}


def test_where_no_broker_is_marked_the_page_names_the_setting(person: Client, settings: Settings) -> None:
    settings.LAB = frozenset()
    assert "HARELINE_LAB=prod" in text_of(person) and "<span>Start<" not in text_of(person)
    assert start(person).status_code == 403


def test_every_pattern_is_offered_and_one_click_starts_it(person: Client) -> None:
    page = text_of(person)
    assert all(pattern.name in page and pattern.claim in page for pattern in PATTERNS.values())
    assert page.count("<span>Start<") == len(PATTERNS)
    found = started(person, "topics")
    assert (found.user_name, found.state, found.broker) == ("ada", "waiting", "prod")
    assert found.vhost.startswith("hareline.") and found.vhost.endswith(f".lab.{found.pk}")
    entry = AuditEvent.objects.filter(action="start an experiment").latest("pk")
    assert (entry.outcome, entry.detail["vhost"]) == ("done", found.vhost)


def test_where_its_process_does_not_run_the_page_says_so(person: Client, now: datetime) -> None:
    assert "does not run" not in text_of(person)
    leases.release(LEASE, "lab:1")
    assert "manage.py runlab" in text_of(person)
    assert "manage.py runlab" in text_of(person, f"/lab/{started(person).pk}/")


def test_viewers_watch_and_start_nothing(client: Client, person: Client) -> None:
    found = started(person)
    viewer = Client()
    viewer.force_login(a_person("eve"))
    assert "your role does not allow" in text_of(viewer) and "<span>Start<" not in text_of(viewer)
    page = text_of(viewer, f"/lab/{found.pk}/")
    assert "Work queue" in page and "Stop and remove it" not in page
    assert viewer.post("/lab/start/", {"pattern": "topics", "broker": "prod"}).status_code == 403
    for act in ("stop", "prolong", "change"):
        assert viewer.post(f"/lab/{found.pk}/{act}/", {"nodes": "1"}).status_code == 403
    refused = list(AuditEvent.objects.filter(outcome="refused", user_name="eve").order_by("pk").values_list("action", "name"))
    assert refused == [("start an experiment", "topics"), *((f"{act} an experiment", "Work queue") for act in ("stop", "prolong", "change"))]


def test_who_may_view_some_virtual_hosts_sees_no_experiment_of_others(person: Client) -> None:
    found = started(person)
    scoped = Client()
    scoped.force_login(a_person("eve", vhost="/shop"))
    assert scoped.get("/api/v1/lab").json() == {"items": []}
    assert found.vhost not in text_of(scoped) and "Started by" not in text_of(scoped)
    assert scoped.get(f"/lab/{found.pk}/").status_code == 404


def test_the_fourth_at_once_is_refused_with_the_time_until_one_ends(person: Client) -> None:
    for _ in range(store.MOST_EXPERIMENTS):
        started(person)
    answer = start(person)
    assert answer.status_code == 429
    assert "the most that run at once: the first ends by itself in" in html.unescape(answer.content.decode())
    LabExperiment.objects.update(state=LabExperiment.REMOVING, ends_at=F("requested_at"))
    assert "the first is being removed." in html.unescape(start(person).content.decode())  # as while its broker is away
    LabExperiment.objects.update(state=LabExperiment.ENDED)
    assert start(person).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_of_twenty_people_at_once_three_get_an_experiment(now: datetime) -> None:
    users = [User.objects.create_user(f"user{number}") for number in range(20)]

    def begin(user: User) -> bool:
        try:
            store.begin_experiment(user, "prod", "1f2e", "topics", {}, now)
        except store.LabFull:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(begin, users)) == LabExperiment.objects.count() == store.MOST_EXPERIMENTS


def test_the_knobs_of_a_running_experiment_are_turned_within_their_bounds(person: Client) -> None:
    found = started(person)
    assert person.post(f"/lab/{found.pk}/change/", {"nodes": "5", "rate": "3.5"}).status_code == 302
    found.refresh_from_db()
    assert (found.knobs["nodes"], found.knobs["rate"], found.revision) == (5, 3.5, 2)
    answer = person.post(f"/lab/{found.pk}/change/", {"nodes": "500"})
    assert answer.status_code == 422 and "Enter a number from 1 to 5." in answer.content.decode()
    found.refresh_from_db()
    assert (found.knobs["nodes"], found.revision) == (5, 2)
    entry = AuditEvent.objects.filter(action="change an experiment", outcome="done").latest("pk")
    assert entry.detail["knobs"] == {"nodes": 5, "rate": 3.5}


def test_an_experiment_is_prolonged_by_ten_minutes_up_to_an_hour_in_all(person: Client) -> None:
    found = started(person)
    lasts = []
    for _ in range(7):
        assert person.post(f"/lab/{found.pk}/prolong/").status_code == 302
        found.refresh_from_db()
        lasts.append(round((found.ends_at - found.requested_at).total_seconds() / 60))
    assert lasts == [20, 30, 40, 50, 60, 60, 60]
    assert "10 minutes more" not in text_of(person, f"/lab/{found.pk}/") and "an hour in all" in text_of(person, f"/lab/{found.pk}/")
    entries = AuditEvent.objects.filter(action="prolong an experiment").order_by("pk")
    assert entries.first().detail["ends_at"] and len(entries) == 7  # type: ignore[union-attr]
    LabExperiment.objects.update(state=LabExperiment.REMOVING, ends_at=found.requested_at)
    person.post(f"/lab/{found.pk}/prolong/")
    found.refresh_from_db()
    assert found.ends_at == found.requested_at, "what is being removed does not go on"


def test_the_five_arrangements_need_a_broker_on_this_machine_without_tls(person: Client, settings: Settings) -> None:
    assert start(person, "arrangements").status_code == 302
    refused = {"amqp://mq.example": "has to be on Hareline’s machine", "amqps://127.0.0.1": "with TLS", "amqp://[::1]": "the broker is reached at [::1]"}
    for url, why in refused.items():
        settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url=url),)
        assert why in text_of(person) and text_of(person).count("<span>Start<") == len(PATTERNS) - 1
        answer = start(person, "arrangements")
        assert answer.status_code == 409 and why in html.unescape(answer.content.decode())
    assert AuditEvent.objects.filter(action="start an experiment", outcome="failed").count() == 3
    assert start(person, "topics").status_code == 302


def test_a_call_lists_experiments_with_what_was_measured_of_their_present_knobs(person: Client, now: datetime) -> None:
    found = started(person)
    LabExperiment.objects.update(state=LabExperiment.RUNNING, measured=measured(), measured_at=now)
    [item] = person.get("/api/v1/lab").json()["items"]
    assert (item["id"], item["pattern"], item["state"], item["sent"], item["holds"]) == (found.pk, "work_queue", "running", 120, "yes")
    assert item["nodes"][0] == {"name": "node-1", "queue": "work", "done": 40, "held": 0, "address": "127.0.0.1"}
    LabExperiment.objects.update(revision=2)
    [item] = person.get("/api/v1/lab").json()["items"]
    assert (item["sent"], item["holds"], item["nodes"]) == (None, "unknown", [])


def test_a_line_that_no_message_can_have_is_refused_beside_its_field(person: Client) -> None:
    found = started(person, "headers")
    answer = person.post(f"/lab/{found.pk}/change/", {"keys": "all format=pdf", "rate": ""})
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 422 and "Enter name=value" in page and ">\nall format=pdf</textarea>" in page and 'name="rate" value=""' in page
    assert person.get(f"/lab/{found.pk}/").status_code == 200


def test_what_has_been_stopped_is_changed_no_more(person: Client) -> None:
    found = started(person)
    assert person.post(f"/lab/{found.pk}/stop/").status_code == 302
    assert person.post(f"/lab/{found.pk}/change/", {"nodes": "1"}).status_code == 302
    found.refresh_from_db()
    assert (found.stopped_by, found.revision) == ("ada", 1)
    assert AuditEvent.objects.filter(action="change an experiment").latest("pk").outcome == "unchanged"


def test_an_experiment_shows_its_claim_its_nodes_and_why_each_message_went_where_it_did(person: Client, now: datetime) -> None:
    found = started(person, "topics")
    last = {"id": "1.0.7", "variant": 0, "state": "done", "nodes": ["node-1", "node-3"], "queues": ["queue-1", "queue-3"], "rejected": 0}
    store.note_experiment(found.pk, LabExperiment.RUNNING, measured=measured(messages=[last]), measured_at=now)
    page = text_of(person, f"/lab/{found.pk}/?part=live")
    assert "Of 120 messages each node did 33.3%." in page and "node-1, node-3" in page
    assert "exchange=events" in page and "routing_key=order.new.eu" in page and f"vhost={found.vhost}" in page
    assert page.count('class="lab-dot"') == 5 and "40 done, holds 0" in page


def test_what_was_measured_before_a_change_is_not_shown_of_what_it_became(person: Client, now: datetime) -> None:
    found = started(person, "topics")
    last = {"id": "1.0.7", "variant": 0, "state": "done", "nodes": ["node-1"], "queues": ["queue-1"], "rejected": 0}
    store.note_experiment(found.pk, LabExperiment.RUNNING, measured=measured(messages=[last]), measured_at=now - timedelta(minutes=2))
    assert person.post(f"/lab/{found.pk}/change/", {"keys": "order.paid.us"}).status_code == 302
    page = text_of(person, f"/lab/{found.pk}/?part=live")
    assert "Nothing has been measured with these settings." in page
    assert not [text for text in ("Why there?", "each node did", "40 done", "lab-dot", "What is shown is") if text in page]


def test_what_is_old_is_shown_as_old(person: Client, now: datetime) -> None:
    found = started(person)
    store.note_experiment(found.pk, LabExperiment.RUNNING, measured=measured(), measured_at=now - timedelta(minutes=2))
    assert "What is shown is 2 min" in text_of(person, f"/lab/{found.pk}/?part=live")


def test_after_its_end_the_reason_stays(person: Client, now: datetime) -> None:
    found = started(person)
    store.note_experiment(found.pk, LabExperiment.ENDED, reason="Its time was over.", ended_at=now)
    assert "Its time was over." in text_of(person) and "Its time was over." in text_of(person, f"/lab/{found.pk}/")
    answer = person.get(f"/lab/{found.pk}/?part=live", headers={"HX-Request": "true"})
    assert answer.status_code == 286


def test_ended_experiments_are_kept_up_to_a_number(person: Client, now: datetime) -> None:
    row: dict[str, Any] = {"user_name": "ada", "broker": "prod", "pattern": "topics", "requested_at": now, "ends_at": now}
    LabExperiment.objects.bulk_create([LabExperiment(**row, state=LabExperiment.ENDED) for _ in range(203)])
    LabExperiment.objects.create(**row, state=LabExperiment.RUNNING)
    assert store.trim_experiments(now) == 3 and store.trim_experiments(now) == 0
    assert LabExperiment.objects.count() == 201
