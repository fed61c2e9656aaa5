"""What somebody sees of worker nodes, tasks and findings who may view only the queues `orders.*` of one virtual host, or no arguments of tasks."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from brokers.queries import kept
from brokers.scope import EVERYTHING, Place, Scope
from dashboard.findings import silences
from dashboard.findings.open_now import open_now
from dashboard.models import Finding, FindingEvent, RuleSetting
from dashboard.store import rights
from dashboard.tasks.columns import COLUMNS
from tests.people import person as a_person
from tests.secret_shop import leaked
from tests.secret_tasks import ELSEWHERE, SHOP, Works
from workers.models import Task, Worker

pytestmark = pytest.mark.django_db
IN_SHOP = f"broker=prod&vhost={quote(SHOP, safe='')}"
HIDDEN_HOST = f"broker=prod&vhost={quote(ELSEWHERE, safe='')}"
LISTS = ("/tasks/", "/workers/", "/workers/matrix/", "/workers/capacity/", "/map/arrangements/", "/findings/", "/send/")
PARTS = (
    "/tasks/?part=views",
    "/workers/?part=board",
    "/workers/?part=board&group=name",
    "/tasks/?part=completion&typed=queue:",
    "/tasks/?part=completion&typed=name:",
    "/tasks/?q=SECRET",
)
EVERY_COLUMN = f"/tasks/?columns={','.join(COLUMNS)}"
OTHERS = ("/find/?q=SECRET", "/find/?q=pack", "/about/", "/findings/silences/", "/findings/rules/no_consumer/")
CALLS = (
    "about",
    "brokers",
    "workers",
    "lost-events",
    "capacity",
    "arrangements",
    "tasks",
    "findings",
    "tasks?q=SECRET",
    f"tasks?{HIDDEN_HOST}",
    "task?uuid=pack-1",
    "task?uuid=SECRET-1",
)
CALLS += ("task-statistics?by=both", f"flow?{IN_SHOP}&root=pack-1", f"flow?{IN_SHOP}&root=SECRET-1")


@pytest.fixture
def works() -> Works:
    kept.forget()
    return Works()


@pytest.fixture
def viewer(client: Client, works: Works) -> Client:
    client.force_login(a_person("eve", "viewer", vhost=SHOP, queue="orders.*"))
    return client


def addresses(works: Works) -> list[str]:
    found = [
        *LISTS,
        f"/tasks/?{IN_SHOP}",
        f"/send/?{HIDDEN_HOST}",
        f"/send/?{IN_SHOP}&task=SECRETtask",
        *PARTS,
        EVERY_COLUMN,
        "/tasks/?q=root:pack-1",
        "/tasks/?q=exception:S",
        *OTHERS,
        "/tasks/statistics/?group=both",
        "/tasks/statistics/export/?group=both",
        f"/tasks/statistics/name/?{IN_SHOP}&name=shop.pack",
        f"/tasks/{works.pack.pk}/",
        f"/tasks/flow/?{IN_SHOP}&root=pack-1",
        f"/workers/{works.packer.pk}/",
    ]
    found += [f"/{kind}/{pk}/" for kind, model in (("workers", Worker), ("findings", Finding)) for pk in model._default_manager.values_list("pk", flat=True)]
    return found + [f"/api/v1/{call}" for call in CALLS]


def test_nothing_else_is_on_any_page_part_completion_or_call(viewer: Client, works: Works) -> None:
    now = timezone.now()
    silences.unsaved({"rule": "*", "broker": "prod", "vhost": SHOP, "name": "SECRETqueue"}, "why", now + silences.LONGEST, "ada", now).save()
    RuleSetting.objects.create(rule="no_consumer", threshold="off", broker="prod", vhost=SHOP, name="SECRET*", value=1.0, at=now)
    silences.unsaved({"rule": "*", "broker": "prod", "vhost": "*", "name": "orders.*"}, "SECRETreason", now + silences.LONGEST, "SECRETuser", now).save()
    seen = Finding.objects.get(name="orders.eu")
    for kind, text in (("silenced", "SECRETreason"), ("notified", "SECRETtarget"), ("not notified", "outside the hours of SECRETtarget")):
        FindingEvent.objects.create(finding=seen, at=now, kind=kind, text=text, user_name="SECRETuser" if kind == "silenced" else "")
    closed = {"closed_at": now, "opened_at": now, "seen_at": now, "title": "SECRETtarget fails", "level": "warning", "worst_level": "warning"}
    Finding.objects.create(rule="notification_failing", kind="target", name="SECRETtarget", identity="t", **closed)
    assert [found for address in addresses(works) if (found := leaked(viewer, address))] == []
    html = viewer.get(f"/findings/{seen.pk}/").content.decode()
    assert "Silenced until" in html and "1 target was notified" in html and "End silence" not in html
    assert "notification failing" not in viewer.get("/findings/?q=state:closed%20name:SECRETtarget&part=list").content.decode()


def test_silences_of_what_is_hidden_silence_for_everybody_alike(works: Works) -> None:
    now = timezone.now()
    above = Finding.objects.get(name="SECRETqueue")
    Finding.objects.filter(name="orders.eu").update(under=above)
    for name, kind in (("SECRETqueue", "queue"), ("pager", "target")):
        silences.unsaved({"rule": "*", "broker": "*", "vhost": "*", "name": name, "kind": kind}, "why", now + silences.LONGEST, "ada", now).save()
    failing = Finding.objects.create(rule="f", kind="target", name="pager", identity="t", title="x", level="warning", opened_at=now, seen_at=now)
    for scope in (EVERYTHING, Scope((Place(vhost=(SHOP,), queue=("orders.*",)),))):
        opened = open_now(scope, [works.broker])
        seen = Finding.objects.get(name="orders.eu")
        assert {seen.pk, failing.pk} <= opened.silenced.keys(), scope


@pytest.mark.nightly
def test_the_same_addresses_show_it_to_who_may_see_everything(client: Client, works: Works) -> None:
    client.force_login(a_person("ada", "operator"))
    assert [address for address in addresses(works) if not leaked(client, address)] == ["/tasks/?part=views"]


def test_arguments_are_for_who_may_see_them(client: Client, works: Works) -> None:
    places = ("/tasks/", "/workers/", f"/tasks/{works.pack.pk}/", f"/workers/{works.packer.pk}/", "/api/v1/task?uuid=pack-1")
    for name, role, shown in (("ada", "operator", set(places)), ("bob", "viewer", set())):
        client.force_login(a_person(name, role))
        assert {place for place in places if "ARGUMENT" in client.get(place).content.decode()} == shown


def test_arguments_can_not_be_found_out_by_searching(client: Client, works: Works) -> None:
    client.force_login(a_person("ada", "viewer"))
    assert client.get("/api/v1/tasks?q=shop.pack").json()["total"] == 1
    assert client.get("/api/v1/tasks?q=pack-1").json()["total"] == 1
    assert client.get("/api/v1/tasks?q=ARGUMENT").json()["total"] == 0
    detail = client.get("/api/v1/task?uuid=pack-1").json()
    assert (detail["args"], detail["kwargs"], detail["result"], detail["arguments_hidden"]) == (None, None, None, True)
    assert "Search names" in client.get("/tasks/").content.decode()


def test_what_is_visible_is_there(viewer: Client, works: Works) -> None:
    for address, names in {
        "/tasks/": ("shop.pack",),
        "/workers/": ("packer@shop",),
        f"/workers/{works.packer.pk}/": ("orders.eu", "name of pack-1"),
        f"/tasks/{works.pack.pk}/": ("orders.eu", "packer@shop"),
        "/findings/": ("orders.eu: no consumer", "packer@shop: no consumer"),
        "/api/v1/findings": ('"total": 2',),
        "/api/v1/tasks": ('"total": 1',),
        "/api/v1/workers": ('"total": 1', "orders.eu"),
    }.items():
        text = viewer.get(address).content.decode()
        assert [name for name in names if name not in text] == [], address


def test_what_is_hidden_is_not_said_to_be_absent(viewer: Client, works: Works) -> None:
    html = viewer.get(f"/workers/{works.packer.pk}/").content.decode()
    assert "Whether events of the virtual host are received is not visible to you." in html
    assert "The receiver has not connected" not in html and "before it reported" not in html
    assert "Only tasks that were seen in queues that you may view." in html
    for kind in ("tasks", "workers"):
        assert f"{kind}/{works.broker.pk}/%2Fshop" in viewer.get(f"/{kind}/?q=nothing-of-it").content.decode()
    Task.objects.filter(pk=works.pack.pk).update(parent_id="SECRET-1", exchange="hidden")
    html = viewer.get(f"/tasks/{works.pack.pk}/").content.decode()
    assert "no longer kept, or not visible to you" in html and "shows no such exchange" not in html
    Worker.objects.all().delete()
    Task.objects.all().delete()
    html = viewer.get("/workers/").content.decode()
    assert "Whether events of workers are received is not visible to you" in html
    assert "No workers seen yet" not in html and "Start a worker" not in html
    html = viewer.get("/").content.decode()
    assert "No virtual host has" not in html and "No workers seen yet" not in html
    assert "No tasks are visible to you" in viewer.get("/tasks/").content.decode()


def test_a_person_of_a_whole_virtual_host_sees_all_of_it_and_no_other(client: Client, works: Works) -> None:
    client.force_login(a_person("eve", "operator", vhost=SHOP))
    assert client.get("/api/v1/tasks").json()["total"] == 3
    assert {one["object"]["name"] for one in client.get("/api/v1/findings").json()["items"]} >= {"SECRETworker@shop", "SECRETexchange"}
    assert ELSEWHERE not in client.get("/tasks/").content.decode()


def test_a_demoted_person_sees_it_on_the_next_request(client: Client, works: Works) -> None:
    eve = a_person("eve", "operator")
    client.force_login(eve)
    assert client.get("/api/v1/tasks").json()["total"] == 4
    rights.grant(a_person("root", "admin"), "admin", timezone.now())
    granted = eve.granted.get()
    rights.grant(eve, "viewer", timezone.now(), vhost=SHOP, queue="orders.*")
    rights.take_back(granted)
    assert client.get("/api/v1/tasks").json()["total"] == 1
    rights.set_active(eve, False)
    assert client.get("/api/v1/tasks").status_code == 401
