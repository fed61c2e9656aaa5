"""What somebody sees on the pages of a broker who may view only the queues `orders.*` of one virtual host: no name, count or figure of anything else."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from django.test import Client

from brokers.models import Connection, Exchange, Queue
from brokers.queries import kept
from dashboard.layout.moments import at_text
from tests.people import person as a_person
from tests.secret_shop import ELSEWHERE, SHOP, Shop, leaked

pytestmark = pytest.mark.django_db
IN_SHOP = f"broker=prod&vhost={quote(SHOP, safe='')}"
HIDDEN_HOST = f"broker=prod&vhost={quote(ELSEWHERE, safe='')}"
LISTS = {
    "/": ("state", "figures", "charts", "changes", "queues", "workers", "nodes", "limits"),
    "/queues/": ("table", "notices", "views"),
    "/exchanges/": ("table", "notices"),
    "/connections/": ("table", "notices", "views"),
}
COMPLETED = {"/queues/": ("vhost", "policy"), "/exchanges/": ("vhost", "policy"), "/connections/": ("vhost", "user", "client", "queue")}
FILTERS = {
    "/queues/": ("SECRET", "policy:SECRETpolicy"),
    "/exchanges/": ("SECRET",),
    "/connections/": ("SECRET", "queue:SECRETqueue"),
}
OBJECTS = {
    "queues": ("bindings", "consumers", "settings", "story", "charts", "transfers", "head", "notice"),
    "exchanges": ("bindings", "publishers", "notice", "what", "transfers", "charts"),
    "connections": ("channels", "consumes", "publishes", "head", "notice"),
}
QUESTIONS = (
    "exchange=orders.in&routing_key=new&verdicts=all",
    "exchange=orders.in&routing_key=SECRETkey",
    "exchange=&routing_key=SECRETqueue",
    "exchange=SECRETexchange&routing_key=a",
    "exchange=orders.in&routing_key=new&expected=orders.eu",
    "exchange=orders.in&routing_key=nothing&expected=orders.eu",
    "of=reach&queue=orders.eu",
    "of=reach&queue=SECRETqueue",
    "of=existing&look_in=SECRETqueue",
    "of=existing&look_in=orders.eu",
    "of=task&task=shop.pay",
    "of=task",
    "of=message",
    "exchange=orders.in&routing_key=new&at=-1s",
)
CALLS = (
    *("brokers", "nodes", "queues", "exchanges", "bindings", "connections", "channels", "queues?q=SECRET", "exchanges?q=SECRET", "connections?q=SECRET"),
    *(f"{kind}?{where}" for kind in ("queues", "exchanges", "bindings", "connections", "channels") for where in (IN_SHOP, HIDDEN_HOST)),
    *(f"queue?{IN_SHOP}&name={name}" for name in ("orders.eu", "orders.us", "SECRETqueue")),
    *(f"exchange?{IN_SHOP}&name={name}" for name in ("orders.in", "orders.fan", "SECRETexchange", "")),
    f"history?{IN_SHOP}&queue=SECRETqueue&metric=ready",
    f"history?{IN_SHOP}&exchange=SECRETexchange&metric=publish_in_per_second",
    "history?broker=prod&metric=ready",
    f"routing/reach?{IN_SHOP}&queue=orders.eu",
    f"routing/reach?{IN_SHOP}&queue=SECRETqueue",
)


NOTHING_HIDDEN = {
    *(f"/?{IN_SHOP}&part={part}" for part in ("state", "figures", "workers")),
    *(f"/queues/?{IN_SHOP}&part={part}" for part in ("notices", "views")),
    f"/connections/?{IN_SHOP}&part=views",
    *(f"/api/v1/exchange?{IN_SHOP}&name={name}" for name in ("orders.fan", "SECRETexchange", "")),
    f"/api/v1/history?{IN_SHOP}&queue=SECRETqueue&metric=ready",
    f"/api/v1/history?{IN_SHOP}&exchange=SECRETexchange&metric=publish_in_per_second",
    "/api/v1/history?broker=prod&metric=ready",
    *("/connections/…/?part=channels", "/connections/…/?part=notice"),
}
"""What has no name but those of its request, whoever reads it; of objects, whichever it is."""


@pytest.fixture
def shop() -> Shop:
    kept.forget()
    return Shop()


@pytest.fixture
def viewer(client: Client, shop: Shop) -> Client:
    client.force_login(a_person("eve", "viewer", vhost=SHOP, queue="orders.*"))
    return client


def addresses() -> list[str]:
    found = [f"{page}{end}" for page in LISTS for end in ("", "?broker=prod", f"?{IN_SHOP}", f"?{HIDDEN_HOST}")]
    found += [f"{page}?{IN_SHOP}&part={part}" for page, parts in LISTS.items() for part in parts]
    found += [f"{page}?{IN_SHOP}&q={quote(text)}" for page, texts in FILTERS.items() for text in texts]
    found += [f"{page}?part=completion&typed={name}:" for page, names in COMPLETED.items() for name in names]
    found += [f"/queues/?q=vhost:{ELSEWHERE}"]
    found += [f"/routing/?{IN_SHOP}", f"/routing/?{HIDDEN_HOST}", *(f"/routing/?{IN_SHOP}&{question}" for question in QUESTIONS)]
    found += [f"/find/?q={text}" for text in ("SECRET", "queue", "orders")]
    here, apart = f"{IN_SHOP}&at=now", f"{IN_SHOP}&at=now&with_vhost={quote(ELSEWHERE, safe='')}"
    found += [f"/history/compare/?{here}", f"/history/compare/?{apart}", f"/history/compare/download/?{apart}"]
    found += [f"{path}?{where}" for path in ("/history/definitions/", "/api/v1/definitions") for where in (here, "broker=prod")]
    found += [f"/api/v1/compare?{where}" for where in (here, apart, "broker=prod&at=now")]
    return found + [f"/api/v1/{call}" for call in CALLS]


def of_objects() -> list[str]:
    kinds = {"queues": Queue, "exchanges": Exchange, "connections": Connection}
    pages = [f"/{kind}/{pk}/" for kind, model in kinds.items() for pk in model._default_manager.values_list("pk", flat=True)]
    return [f"{page}{end}" for page in pages for end in ("", *(f"?part={part}" for part in OBJECTS[page.split("/")[1]]))]


def test_nothing_else_is_on_any_page_part_completion_or_call(viewer: Client) -> None:
    assert [found for address in (*addresses(), *of_objects()) if (found := leaked(viewer, address))] == []


def past_addresses(shop: Shop) -> list[str]:
    """The pages at a moment at which all was there, their parts, and pages of objects that are hidden."""
    moment = at_text(shop.now)
    paths = [f"{path}?{where}" for path in (*LISTS, "/workers/", "/tasks/", "/findings/", "/history/", "/find/") for where in (IN_SHOP, HIDDEN_HOST)]
    paths += [f"{path}?{IN_SHOP}&part={part}" for path, parts in LISTS.items() for part in parts]
    paths += [f"/queues/{one.pk}/?{IN_SHOP}" for one in Queue.objects.all()] + [f"/exchanges/{one.pk}/?{IN_SHOP}" for one in Exchange.objects.all()]
    questions = ("exchange=orders.in&routing_key=new", "exchange=SECRETexchange&routing_key=a", "of=task&task=shop.pay")
    paths += [f"/routing/?{IN_SHOP}&{question}" for question in questions] + [f"/queues/?{IN_SHOP}&q=SECRET", f"/find/?q=queue&{IN_SHOP}"]
    return [f"{path}&at={quote(moment, safe='')}" for path in paths]


def test_nothing_else_is_on_any_page_at_a_past_moment(viewer: Client, shop: Shop) -> None:
    addresses = past_addresses(shop)
    assert [found for address in addresses if (found := leaked(viewer, address))] == []
    assert "You see the past" in viewer.get(f"/queues/?{IN_SHOP}&at={quote(at_text(shop.now), safe='')}").content.decode()


@pytest.mark.nightly
def test_the_same_addresses_show_it_to_who_may_see_everything(client: Client, shop: Shop) -> None:
    client.force_login(a_person("ada", "viewer"))
    every = {address: re.sub(r"/\d+/", "/…/", address) for address in (*addresses(), *of_objects())}
    shown = {name for address, name in every.items() if leaked(client, address)}
    assert set(every.values()) - shown == NOTHING_HIDDEN


def test_what_is_visible_is_there(viewer: Client, shop: Shop) -> None:
    for address, names in {
        "/queues/": ("orders.eu", "orders.us"),
        "/exchanges/": ("orders.in", "orders.fan", "(default)"),
        "/connections/": ("orders@shop",),
        f"/queues/{shop.key('queue', 'orders.eu')}/": ("orders.fan",),
        f"/exchanges/{shop.key('exchange', 'orders.in')}/": ("orders.fan",),
        f"/connections/{shop.key('connection', 'orders@shop')}/": ("orders.eu", "orders.in"),
        f"/routing/?{IN_SHOP}&exchange=orders.in&routing_key=new": ("orders.eu", "what is outside your rights is left out"),
        f"/api/v1/queues?{IN_SHOP}": ('"total": 2', "orders.us"),
    }.items():
        text = viewer.get(address).content.decode()
        assert [name for name in names if name not in text] == [], address


def test_objects_elsewhere_have_no_page(viewer: Client, shop: Shop) -> None:
    for kind, name in (("queue", "SECRETqueue"), ("exchange", "SECRETexchange"), ("connection", "SECRETclient")):
        assert viewer.get(f"/{kind}s/{shop.key(kind, name)}/").status_code == 404
    assert viewer.get(f"/queues/{shop.key('queue', 'SECRETqueue')}/messages/").status_code == 404
    assert viewer.get(f"/api/v1/queue?{IN_SHOP}&name=SECRETqueue").status_code == 404
    assert (
        viewer.post("/api/v1/routing/explain", {"broker": "prod", "vhost": ELSEWHERE, "exchange": "", "routing_key": "a"}, "application/json").status_code
        == 404
    )


def test_an_explanation_is_of_the_visible_part_whoever_requested_one_before(viewer: Client, shop: Shop) -> None:
    question = {"broker": "prod", "vhost": SHOP, "exchange": "orders.in", "routing_key": "SECRETkey", "verdicts": "all"}
    everyone = Client()
    everyone.force_login(a_person("ada", "viewer"))
    for _ in range(2):
        whole = everyone.post("/api/v1/routing/explain", question, "application/json").json()
        seen = viewer.post("/api/v1/routing/explain", question, "application/json").json()
        assert (whole["queues"], seen["queues"], seen["certain"]) == (["SECRETqueue"], [], False)
        assert "SECRETqueue" not in str(seen)


def test_a_prediction_is_of_the_visible_part(viewer: Client, shop: Shop) -> None:
    options = {"exchange": "orders.in", "routing_key": "SECRETkey"}
    given = {"task": "shop.pay", "args": "[]", "kwargs": "{}", **options}
    dry = {"broker": "prod", "vhost": SHOP, "task": "shop.pay", "options": options, "dry_run": True}

    def predicted(client: Client) -> list[bool]:
        answers = [
            client.get(f"/send/?{IN_SHOP}&task=shop.pay&exchange=orders.in&routing_key=SECRETkey"),
            client.post(f"/send/?{IN_SHOP}&part=prediction", given),
            client.post("/api/v1/tasks/send", dry, "application/json"),
        ]
        assert {answer.status_code for answer in answers} == {200}
        return ["SECRETqueue" in answer.content.decode() for answer in answers]

    everyone = Client()
    everyone.force_login(a_person("ada", "viewer"))
    assert predicted(everyone) == [True, True, True]
    assert predicted(viewer) == [False, False, False]


def test_counts_and_figures_are_of_what_is_visible(viewer: Client) -> None:
    broker = viewer.get("/api/v1/brokers").json()["items"][0]
    assert (broker["ready"], broker["object_totals"], broker["unroutable_per_second"]) == (7, {"queues": 2}, None)
    assert viewer.get("/api/v1/nodes").json()["total"] == 0
    assert {viewer.get(f"/api/v1/{kind}").json()["total"] for kind in ("connections", "channels")} == {1}
    Connection.objects.all().delete()
    assert "No client is connected" not in viewer.get("/connections/").content.decode()
    page = viewer.get("/").content.decode()
    assert "Broker nodes" not in page
    assert "1,000" not in page


@pytest.mark.parametrize(("queue", "address", "charted"), [("", f"/?{IN_SHOP}", True), ("", "/?broker=prod", False), ("orders.*", f"/?{IN_SHOP}", False)])
def test_the_overview_has_a_chart_of_what_may_be_viewed_as_a_whole(client: Client, shop: Shop, queue: str, address: str, charted: bool) -> None:
    client.force_login(a_person("ada", "viewer", vhost=SHOP, queue=queue))
    page = client.get(address).content.decode()
    assert ('id="chart-messages"' in page, "No chart: messages are recorded of whole virtual hosts" in page) == (charted, not charted)
