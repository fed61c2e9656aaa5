"""Changing worker nodes on the pages: forms, the sentence, the typed name, the answers, and what was seen since."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from brokers.addresses import BrokerAddress
from brokers.models import Broker, VirtualHost
from dashboard import store
from dashboard.control import action as control
from dashboard.models import AuditEvent
from tests.people import person as a_person
from workers.models import Worker

pytestmark = pytest.mark.django_db
PLACE = {"broker": "prod", "vhost": "/"}
GROW = {**PLACE, "worker": "a@web", "action": "pool_grow", "n": "2"}


@pytest.fixture
def node(now: datetime, settings: LazySettings) -> Worker:
    """Nobody listens at the broker's address."""
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.CONTROL = frozenset({"prod"})
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=60)
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    return seen(broker, "a@web", now, pool="prefork", concurrency=4, active=1, queues=[{"name": "mail"}])


def seen(broker: Broker, hostname: str, now: datetime, **facts: Any) -> Worker:
    facts = {"state": Worker.ONLINE, "inspected_at": now, **facts}
    return Worker.objects.create(broker=broker, vhost="/", hostname=hostname, first_seen_at=now, changed_at=now, **facts)


def ordered(worker: Worker, at: datetime, replies: dict[str, Any], sent: str = "yes") -> AuditEvent:
    detail = {"command": "pool_grow", "arguments": {"n": 2}, "text": "2 processes will be added.", "hostnames": [worker.hostname], "sent": sent}
    detail |= {"before": {worker.hostname: {"slots": 4, "shown": "4 slots"}}, "replies": replies, "within_seconds": 5.0}
    return store.audit(None, control.ACTION, store.DONE, at, broker="prod", vhost="/", name=worker.hostname, detail=detail)


def test_the_page_of_a_node_has_a_form_for_each_action_for_who_may_change_it(person: Client, node: Worker) -> None:
    page = person.get(f"/workers/{node.pk}/").content.decode()
    assert page.count('<details class="control-action"') == 11
    assert 'name="worker" value="a@web"' in page
    viewer = Client()
    viewer.force_login(a_person("eve"))
    assert 'id="change"' not in viewer.get(f"/workers/{node.pk}/").content.decode()


def test_where_control_is_off_the_section_names_the_setting_and_a_node_that_is_gone_has_no_forms(person: Client, node: Worker, settings: LazySettings) -> None:
    settings.CONTROL = frozenset()
    page = person.get(f"/workers/{node.pk}/").content.decode()
    assert "set HARELINE_CONTROL=prod" in page and "control-action" not in page
    Worker.objects.update(state=Worker.GONE)
    assert "It is gone, so no order reaches it." in person.get(f"/workers/{node.pk}/").content.decode()


def test_a_chosen_action_is_a_sentence_to_confirm_and_nothing_is_sent_by_get(person: Client, node: Worker) -> None:
    page = person.get("/workers/control/", GROW).content.decode()
    assert "2 processes will be added to a@web: 4 → 6 slots." in page
    assert "Grow the pool: 1 node</span></button>" in page
    assert not AuditEvent.objects.filter(action=control.ACTION).exists()
    wrong = person.get("/workers/control/", {**GROW, "n": "many"})
    assert wrong.status_code == 422
    assert "&quot;many&quot; is not a whole number" in wrong.content.decode()


def test_several_nodes_are_changed_together_without_those_that_cant(person: Client, node: Worker, now: datetime) -> None:
    solo = seen(node.broker, "solo@web", now, pool="solo", concurrency=1)
    page = person.get("/workers/control/", {"node": [node.pk, solo.pk], "action": "pool_grow", "n": "1"}).content.decode()
    assert "Change 2 worker nodes" in page
    assert "1 process will be added to a@web: 4 → 5 slots." in page
    assert "solo@web uses the solo pool, which runs one task at a time in its own process. It gets no order." in page
    posted = page.split('action="/workers/control/order/"')[1].split("</form>")[0]
    assert 'value="a@web"' in posted and "solo@web" not in posted


def test_nodes_of_several_virtual_hosts_get_no_common_order(person: Client, node: Worker, now: datetime) -> None:
    other = seen(node.broker, "b@web", now)
    Worker.objects.filter(pk=other.pk).update(vhost="shop")
    page = person.get("/workers/control/", {"node": [node.pk, other.pk]}).content.decode()
    assert "These worker nodes are of several virtual hosts." in page and "control-action" not in page


def test_what_cant_be_undone_needs_the_typed_name(person: Client, node: Worker) -> None:
    order = {**PLACE, "worker": "a@web", "action": "shutdown"}
    assert "Type <b>a@web</b> to confirm it." in person.get("/workers/control/", order).content.decode()
    refused = person.post("/workers/control/order/", {**order, "typed": "a@we"})
    assert refused.status_code == 422
    assert "Type a@web to confirm it.</span>" in refused.content.decode()
    assert not AuditEvent.objects.filter(action=control.ACTION).exists()
    assert person.post("/workers/control/order/", {**order, "typed": "a@web"}).status_code == 302


def test_a_confirmation_that_is_sent_twice_is_carried_out_once(person: Client, node: Worker) -> None:
    def token(page: str) -> str:
        return re.findall(r'name="confirmation" value="(\w{16})"', page)[0]

    given = {**GROW, "confirmation": token(person.get("/workers/control/", GROW).content.decode())}
    assert person.post("/workers/control/order/", given).status_code == 302
    recorded = AuditEvent.objects.count()
    again = person.post("/workers/control/order/", given)
    assert again.status_code == 409 and "nothing was sent again" in again.content.decode()
    assert AuditEvent.objects.count() == recorded
    assert person.post("/workers/control/order/", {**GROW, "confirmation": token(again.content.decode())}).status_code == 302


def test_an_order_that_could_not_be_sent_is_shown_and_recorded(person: Client, node: Worker) -> None:
    answer = person.post("/workers/control/order/", GROW)
    event = AuditEvent.objects.get(action=control.ACTION)
    assert answer.headers["Location"] == f"/workers/orders/{event.pk}/"
    page = person.get(answer.headers["Location"]).content.decode()
    assert "No AMQP connection to 127.0.0.1:1" in page and "was not sent to it" in page
    assert "not sent" in person.get(f"/workers/{node.pk}/").content.decode().split('id="change"')[1]


def test_who_may_not_change_gets_403_and_it_is_recorded(node: Worker) -> None:
    viewer = Client()
    viewer.force_login(a_person("eve"))
    assert viewer.post("/workers/control/order/", GROW).status_code == 403
    assert AuditEvent.objects.get(action=control.ACTION).outcome == store.REFUSED


def test_the_page_of_an_order_shows_each_answer_and_what_was_seen_since(person: Client, node: Worker, now: datetime) -> None:
    address = f"/workers/orders/{ordered(node, now, {'a@web': [True, 'pool will grow']}).pk}/"
    page = person.get(address).content.decode()
    assert "pool will grow" in page and "not seen yet; 4 slots" in page and "every 2s" in page
    Worker.objects.update(concurrency=6)
    part = person.get(f"{address}?part=nodes", headers={"HX-Request": "true"})
    assert (part.status_code, "4 slots → 6 slots" in part.content.decode()) == (286, True)


def test_a_change_that_no_report_shows_is_reported_as_not_seen(person: Client, node: Worker, now: datetime) -> None:
    late = ordered(node, now - timedelta(seconds=60), {"a@web": [True, "pool will grow"]})
    assert "not seen within 45 s; 4 slots" in person.get(f"/workers/orders/{late.pk}/").content.decode()
    silent = ordered(node, now, {})
    page = person.get(f"/workers/orders/{silent.pk}/").content.decode()
    assert "did not answer; it may still carry the order out" in page and "0 of 1 worker node answered within 5 s" in page
    refused = ordered(node, now, {"a@web": [False, "All processes busy!"]})
    page = person.get(f"/workers/orders/{refused.pk}/").content.decode()
    assert "All processes busy!" in page and "every 2s" not in page
    history = person.get(f"/workers/{node.pk}/").content.decode().split("control-table")[1].split("</table>")[0]
    assert [text in history for text in ("pool will grow", "did not answer", "All processes busy!")] == [True] * 3


def test_who_may_change_nodes_selects_several_of_the_board_and_of_the_table_and_keeps_them_selected(person: Client, node: Worker) -> None:
    viewer = Client()
    viewer.force_login(a_person("eve"))
    box = f'name="node" value="{node.pk}" form="workers-selected" aria-label="Select a@web"'
    for view in ("", "table"):
        page = person.get("/workers/", {"view": view}).content.decode()
        assert box in page and f"{box} checked" not in page and "Change selected…</button>" in page
        part = person.get("/workers/", {"view": view, "part": view or "board", "node": node.pk}).content.decode()
        assert f"{box} checked" in part
        assert ('hx-include="#workers-selected"' in page) and ('id="workers-selected"' in page)
        seen = viewer.get("/workers/", {"view": view}).content.decode()
        assert 'name="node"' not in seen and "workers-selected" not in seen  # htmx reports a selector that finds nothing as an error, at each renewal
    Worker.objects.all().delete()
    empty = person.get("/workers/").content.decode()
    assert 'hx-include="#workers-selected"' in empty and 'id="workers-selected"' in empty


def test_an_order_of_a_place_that_is_not_visible_does_not_exist(node: Worker, now: datetime) -> None:
    stranger = Client()
    stranger.force_login(a_person("eve", vhost="shop"))
    event = ordered(node, now, {})
    assert stranger.get(f"/workers/orders/{event.pk}/").status_code == 404
