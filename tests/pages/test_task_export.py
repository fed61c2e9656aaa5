"""The list of tasks as a file, and rows of it selected for an act."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from dashboard.models import AuditEvent, Granted
from dashboard.tasks import export_views
from dashboard.tasks.export_views import AT_ONCE
from tests.people import person as a_person
from workers.models import EventSource, Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: Any) -> Broker:
    made = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")
    EventSource.objects.create(broker=made, vhost="/", state=EventSource.RECEIVING, since=now, received_at=now)
    return made


def seen(broker: Broker, uuid: str, **known: Any) -> Task:
    at = timezone.now()
    return Task.objects.create(broker=broker, vhost="/", uuid=uuid, first_seen_at=at, changed_at=at, **{"name": "pay", "state": "SUCCESS", **known})


def exported(person: Client, posted: dict[str, Any] | None = None, **query: str) -> str:
    answer = person.post("/tasks/export/", posted) if posted is not None else person.get("/tasks/export/", query)
    assert answer.status_code == 200
    return whole(answer)


@async_to_sync
async def whole(answer: Any) -> str:
    return b"".join([part async for part in answer.streaming_content]).decode()


@async_to_sync
async def pieces_until_the_rights_are_gone(answer: Any) -> list[str]:
    pieces = []
    async for part in answer.streaming_content:
        pieces.append(part.decode())
        await sync_to_async(Granted.objects.all().delete)()
    return [piece for piece in pieces if piece]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_an_export_has_the_filter_and_the_columns_of_the_list_and_is_in_the_audit_log(person: Client, broker: Broker) -> None:
    seen(broker, "one", state="FAILURE", exception="ValueError(1)", retries=2)
    seen(broker, "two")
    assert rows_of(exported(person, q="state:failure", columns="name,exception,retries")) == [
        {"uuid": "one", "broker": "prod", "vhost": "/", "name": "pay", "exception": "ValueError(1)", "retries": "2"}
    ]
    assert [json.loads(line)["uuid"] for line in exported(person, format="json").splitlines()] == ["two", "one"]
    noted = AuditEvent.objects.filter(action="export tasks").order_by("number").values_list("detail", flat=True)
    assert list(noted) == [{"as": "csv", "filter": "state:failure", "arguments": False}, {"as": "json", "filter": "", "arguments": True}]


def test_a_file_with_the_usual_columns_has_what_the_list_has_no_room_for(person: Client, broker: Broker) -> None:
    seen(broker, "one", state="FAILURE", exception="ValueError(1)", parent_id="above", root_id="top")
    (row,) = rows_of(exported(person))
    assert (row["exception"], row["sent_at"], row["parent_id"], row["root_id"]) == ("ValueError(1)", "", "above", "top")


def test_no_cell_is_a_formula_or_breaks_its_row(person: Client, broker: Broker) -> None:
    hostile = '=HYPERLINK("http://x")'
    seen(broker, "one", name=hostile, args="(1,\r\n'a,b\"')", exception="@x", state="FAILURE")
    [row] = rows_of(exported(person, columns="name,arguments,exception"))
    assert (row["name"], row["args"], row["exception"]) == (f"'{hostile}", "(1,\r\n'a,b\"')", "'@x")


def test_only_what_may_be_seen_is_exported(client: Client, broker: Broker) -> None:
    seen(broker, "visible", queue="mail", args="('sku-17',)")
    seen(broker, "hidden", queue="secret")
    client.force_login(a_person("eve", vhost="/", queue="mail"))
    assert [(row["uuid"], row["args"]) for row in rows_of(exported(client))] == [("visible", "")]
    assert rows_of(exported(client, {"uuid": ["hidden"]})) == []


def test_selected_rows_are_exported_or_with_all_what_the_filter_finds(person: Client, broker: Broker) -> None:
    for uuid in ("a", "b", "c"):
        seen(broker, uuid)
    assert [row["uuid"] for row in rows_of(exported(person, {"uuid": ["a", "c"], "q": ""}))] == ["c", "a"]
    assert [row["uuid"] for row in rows_of(exported(person, {"uuid": ["a"], "all": "1", "q": "name:pay"}))] == ["c", "b", "a"]
    page = person.get("/tasks/").content.decode()
    assert 'name="uuid" value="a" form="tasks-selected"' in page
    assert 'id="tasks-selected"' in page


def test_an_export_goes_on_page_by_page_and_ends_when_the_right_is_taken_back(client: Client, broker: Broker) -> None:
    at, kinds = timezone.now(), {"broker": broker, "vhost": "/", "name": "pay", "state": "SUCCESS", "queue": "mail"}
    Task.objects.bulk_create(Task(uuid=str(number), first_seen_at=at, changed_at=at, **kinds) for number in range(AT_ONCE + 1))
    client.force_login(a_person("eve", vhost="/", queue="*"))
    assert [row["uuid"] for row in rows_of(exported(client))] == [str(number) for number in range(AT_ONCE, -1, -1)]
    first, last = pieces_until_the_rights_are_gone(client.get("/tasks/export/", {"format": "json"}))
    assert (len(first.splitlines()), "taken back" in last) == (AT_ONCE, True)


def test_a_filter_with_a_mistake_exports_nothing(person: Client, broker: Broker) -> None:
    answer = person.get("/tasks/export/", {"q": "stat:failure"})
    assert answer.status_code == 422
    assert "Nothing was exported" in answer.content.decode()
    assert person.get("/tasks/export/", {"format": "xls"}).status_code == 404


def test_what_waits_is_the_same_on_the_page_in_an_export_and_over_the_api(person: Client, broker: Broker) -> None:
    later = timezone.now() + timedelta(hours=1)
    seen(broker, "t-held", state="RECEIVED", eta=later)
    seen(broker, "t-sent", state="PENDING")
    seen(broker, "t-done", eta=later)
    for query, found in (
        ({"state": "waiting"}, {"t-held", "t-sent"}),
        ({"state": "waiting", "q": "eta>0s"}, {"t-held"}),
        ({"name": "pay", "from": "-1h"}, None),
    ):
        wanted = found or {"t-held", "t-sent", "t-done"}
        page = person.get("/tasks/", query).content.decode()
        assert {uuid for uuid in ("t-held", "t-sent", "t-done") if f'value="{uuid}"' in page} == wanted, query
        assert {row["uuid"] for row in rows_of(exported(person, **query))} == wanted
        assert {task["uuid"] for task in person.get("/api/v1/tasks", query).json()["items"]} == wanted
    assert "state must be" in person.get("/tasks/", {"state": "waitng"}).content.decode()
    assert person.get("/tasks/export/", {"state": "waitng"}).status_code == 422
    assert person.get("/api/v1/tasks", {"state": "waitng"}).json()["error"]["field"] == "state"


def test_a_person_has_two_exports_at_once(person: Client, broker: Broker) -> None:
    user = person.session["_auth_user_id"]
    with export_views.going_on.one_of(int(user)), export_views.going_on.one_of(int(user)):
        assert person.get("/tasks/export/").status_code == 429
    assert person.get("/tasks/export/").status_code == 200


def test_chosen_columns_are_shown_in_their_order_and_stay_in_the_addresses(person: Client, broker: Broker) -> None:
    seen(broker, "one", root_id="root-uuid", exchange="shop", routing_key="<b>", sender="gen1@web")
    page = person.get("/tasks/", {"columns": ["name", "root", "routing_key", "sender", "wait"]}).content.decode()
    assert page.index("root-uuid") < page.index("&lt;b&gt;") < page.index("gen1@web")
    assert 'data-html="runtime"' not in page
    assert "/tasks/export/?columns=name%2Croot%2Crouting_key%2Csender%2Cwait&amp;format=csv" in page
