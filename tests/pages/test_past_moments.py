"""Pages at a past moment: what each shows agrees with what was recorded then, and nothing on them acts or lives."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from urllib.parse import quote, unquote, urljoin

import pytest
from django.test import Client

from brokers import store
from brokers.models import Broker, Queue
from brokers.store import BrokerMemory
from dashboard.layout.moments import at_text
from dashboard.models import Finding, FindingEvent
from tests.brokers.facts import a_poll, a_queue
from tests.pages.past import TwoMoments
from tests.pages.reading import text_of
from tests.people import person as a_person
from workers.models import Worker

pytestmark = pytest.mark.django_db
BANNER = "You see the past:"


@pytest.fixture
def two(now: datetime) -> TwoMoments:
    return TwoMoments(now)


def pages(two: TwoMoments) -> list[str]:
    """The pages that have a history."""
    objects = [f"/queues/{two.queue('mail')}/", f"/exchanges/{two.exchange('orders')}/", f"/workers/{two.worker.pk}/", f"/tasks/{two.task.pk}/"]
    return ["/", "/queues/", "/exchanges/", "/workers/", "/workers/?view=table", "/tasks/", "/findings/", "/routing/", "/find/?q=ma", "/history/", *objects]


def at_moment(two: TwoMoments, path: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}at={quote(at_text(two.then), safe='')}"


def test_every_page_shows_its_banner_links_to_the_same_moment_and_nothing_that_acts_or_lives(person: Client, two: TwoMoments) -> None:
    at = quote(at_text(two.then), safe="")
    for path in pages(two):
        answer = person.get(at_moment(two, path))
        html = answer.content.decode()
        assert answer.status_code == 200 and BANNER in html, path
        assert "js/live.js" not in html and 'data-topics="[]"' in html and 'id="live-badge"' not in html, path
        links = [unescape(link) for link in re.findall(r'<a\b(?![^>]*data-now)[^>]*\shref="(/[^"]*|\?[^"]*)"', html)]
        assert links and [link for link in links if "at=" not in link and not link.startswith("/static/")] == [], path
        assert [link for link in links if f"at={at}" in link], path
        for form in re.findall(r"<form\b.*?</form>", html, re.DOTALL):
            if 'method="post"' not in form:
                assert 'name="at"' in form or 'method="dialog"' in form, form
            elif not re.search(r'action="/(theme|logout)/"', form):
                assert re.findall(r"<button(?! disabled)", form) == [], form


def test_no_link_leads_to_an_error_or_out_of_the_past(person: Client, two: TwoMoments) -> None:
    links, seen = [at_moment(two, path) for path in pages(two)], set[str]()
    while links:
        address = links.pop()
        kind = re.sub(r"\d+", "…", address.partition("?")[0])
        if kind in seen or address.startswith(("/history/changes/", "/history/compare/", "/history/balance/", "/tasks/statistics/name/", "/logout/")):
            continue  # a page of each kind; some have moments of their own
        seen.add(kind)
        answer = person.get(address)
        html = answer.content.decode()
        is_file = "Content-Disposition" in answer
        assert answer.status_code == 200 and (is_file or (BANNER in html and "js/live.js" not in html)), address
        links += [urljoin(address, unescape(link)) for link in re.findall(r'<a\b(?![^>]*data-now)[^>]*\shref="([/?][^"]*at=[^"]*)"', html)]
    assert len(seen) > 20


def test_the_lists_are_as_they_were(person: Client, two: TwoMoments) -> None:
    then, now = person.get(two.address("/queues/")), person.get("/queues/")
    assert [name in text_of(then) for name in ("mail", "legacy", "modern")] == [True, True, False]
    assert " 7 " in text_of(then) and "900" not in text_of(then)
    assert [name in text_of(now) for name in ("mail", "900")] == [True, True] and ">legacy<" not in now.content.decode()
    assert "as they were at" in text_of(then)
    exchanges = text_of(person.get(two.address("/exchanges/")))
    assert "orders topic" in exchanges


def test_a_queue_and_an_exchange_have_the_bindings_of_then(person: Client, two: TwoMoments) -> None:
    queue, exchange = (text_of(person.get(two.address(path))) for path in (f"/queues/{two.queue('mail')}/", f"/exchanges/{two.exchange('orders')}/"))
    assert "old.key" in queue and "new.key" not in queue and "Not recorded over time" in queue
    assert "old.key" in exchange and "new.key" not in exchange
    assert "old.key" not in text_of(person.get(f"/queues/{two.queue('mail')}/"))


def test_the_overview_has_the_figures_of_then(person: Client, two: TwoMoments) -> None:
    then = text_of(person.get(two.address("/")))
    assert "Ready" in then and " 8 " in then and "901" not in then
    assert "901" in text_of(person.get("/"))
    assert "Broker: unknown" in then  # the rules never looked, and alarms are not recorded


def test_worker_nodes_have_the_numbers_of_then(person: Client, two: TwoMoments) -> None:
    for path in ("/workers/", f"/workers/{two.worker.pk}/", "/workers/?view=table"):
        then = text_of(person.get(at_moment(two, path)))
        assert re.search(r"\b3 of 8\b|3 / 8", then), path
    Worker.objects.create(broker=two.broker, vhost="/", hostname="b@web-2", state=Worker.ONLINE, active=1, first_seen_at=two.then, changed_at=two.now)
    then = text_of(person.get(two.address("/workers/")))
    assert "b@web-2" not in then and "1 node hidden of which nothing is recorded at that moment" in then
    assert "nothing is recorded of it at that moment" in text_of(person.get(two.address(f"/workers/{Worker.objects.get(hostname='b@web-2').pk}/")))


def test_a_task_is_in_the_state_of_then(person: Client, two: TwoMoments) -> None:
    for path in ("/tasks/", f"/tasks/{two.task.pk}/"):
        then, now = (text_of(person.get(address)).lower() for address in (two.address(path), path))
        assert "shop.pay" in then and "succeeded" not in then and "succeeded" in now, path
    assert "It is known of now only" in text_of(person.get(two.address("/tasks/", q="state:failed")))


def test_a_message_is_explained_with_the_topology_of_then(person: Client, two: TwoMoments) -> None:
    wanted = {"broker": "prod", "vhost": "/", "exchange": "orders", "routing_key": "old.key"}
    then, now = text_of(person.get(two.address("/routing/", **wanted))), text_of(person.get("/routing/", wanted))
    assert BANNER in then and "mail" in then
    assert "Delivered to no queue" in now and "Delivered to no queue" not in then
    reach = text_of(person.get(two.address("/routing/", broker="prod", vhost="/", of="reach", queue="mail")))
    assert "This kind of question is answered for now only" in reach


def test_the_search_finds_what_is_gone(person: Client, two: TwoMoments) -> None:
    found = text_of(person.get("/find/?q=lega"))
    assert re.search(r"legacy queue · prod / · deleted \d", found)


def test_a_filter_and_a_sort_hold_at_that_moment_and_what_is_not_recorded_is_no_filter(person: Client, two: TwoMoments) -> None:
    assert _rows(person.get(two.address("/queues/", q="depth<5"))) == ["legacy"]
    assert _rows(person.get(two.address("/queues/", sort="name"))) == ["legacy", "mail"]
    for term in ("is:growing", "worker:web", "policy:limits"):
        said = text_of(person.get(two.address("/queues/", q=term)))
        assert "It is not recorded over time" in said, term
    assert _rows(person.get(two.address("/queues/", q="worker:none"))) == []


def _rows(answer: object) -> list[str]:
    names = dict(Queue.objects.values_list("pk", "name"))
    return [names[int(key)] for key in re.findall(r'id="queue-(\d+)"', answer.content.decode())]  # type: ignore[attr-defined]


def test_an_object_that_was_not_there_and_a_gap_are_not_recorded(person: Client, two: TwoMoments) -> None:
    for address in (
        two.address(f"/queues/{two.queue('modern')}/"),
        two.address("/queues/", two.then + timedelta(minutes=5)),
        two.address("/", two.then + timedelta(minutes=5)),
    ):
        answer = person.get(address)
        assert answer.status_code == 200 and "Not recorded" in text_of(answer) and BANNER in text_of(answer), address
        assert "Next record" in text_of(answer)


def test_a_moment_that_cannot_be_shown_is_an_answer_that_names_the_field(person: Client, two: TwoMoments) -> None:
    texts = {
        "tomorrow": "holds no moment",
        at_text(two.now + timedelta(days=1)): "in the future",
        at_text(two.then - timedelta(hours=1)): "before the first record",
        "9999999999999999": "holds no moment",
        "\x00": "holds no moment",
    }
    for text, said in texts.items():
        answer = person.get("/queues/", {"at": text})
        assert answer.status_code == 400 and "The field “at”" in text_of(answer) and said in text_of(answer), text


def test_other_forms_of_a_moment_lead_to_its_lasting_address(person: Client, two: TwoMoments) -> None:
    for text in ("10 minutes ago", "-10m", "now", two.then.strftime("%a %-d %b %Y, %H:%M:%S UTC")):
        answer = person.get("/queues/", {"at": text, "q": "mail", "part": "table"})
        assert answer.status_code == 302 and re.fullmatch(r"/queues/\?q=mail&at=[0-9TZ%A.-]+Z", answer.headers["Location"]), text
    assert at_text(two.now).replace(":", "%3A") in person.get("/queues/?at=now").headers["Location"]


def test_what_has_no_history_says_so_and_links_to_now(person: Client, two: TwoMoments) -> None:
    for path in ("/connections/", "/send/", "/people/", "/audit/"):
        answer = person.get(two.address(path, broker="prod"))
        assert answer.status_code == 200 and "has no history" in text_of(answer), path
        assert f'href="{path}?broker=prod" data-now' in answer.content.decode()


def test_what_acts_is_refused_at_a_past_moment(person: Client, two: TwoMoments) -> None:
    for path in ("/findings/1/take/", "/send/now/", "/tasks/revoke/order/", f"/queues/{two.queue('mail')}/messages/"):
        answer = person.post(two.address(path), {"count": "1"})
        assert answer.status_code == 409 and "Nothing was changed" in text_of(answer), path
    assert person.post(two.address("/theme/"), {"theme": "dark", "next": "/"}).status_code == 302


def test_findings_are_those_that_were_open(person: Client, two: TwoMoments) -> None:
    facts = {"rule": "no_consumer", "worst_level": "critical", "broker": two.broker, "vhost": "/", "kind": "queue", "seen_at": two.now}
    was = Finding.objects.create(identity="a", name="old", level="warning", title="old is deep", opened_at=two.then, closed_at=two.now, **facts)
    for kind, level, at in (("opened", "warning", two.then), ("level", "critical", two.then + timedelta(minutes=1)), ("closed", "warning", two.now)):
        FindingEvent.objects.create(finding=was, at=at, kind=kind, level=level, text=f"old is {level}")
    Finding.objects.create(identity="b", name="mail", level="critical", title="mail is deep", opened_at=two.now, **facts)
    then = text_of(person.get(two.address("/")))
    assert "old is warning" in then and "mail is deep" not in then


def test_the_steps_lead_from_one_change_to_the_next(person: Client, two: TwoMoments) -> None:
    address, moments = two.address("/queues/"), [at_text(two.then)]
    assert "No change before" in person.get(address).content.decode()
    while found := re.search(r'href="(/queues/\?at=([^"]*))" rel="next"', person.get(address).content.decode()):
        address, moments = unescape(found[1]), [*moments, unquote(found[2])]
        assert len(moments) < 10
    assert len(moments) > 1 and sorted(set(moments), key=datetime.fromisoformat) == moments
    last = person.get(address).content.decode()
    assert "No change after" in last and 'rel="prev"' in last and 'class="moment-bar"' in last


def test_somebody_who_may_see_one_queue_sees_no_other_in_the_past(client: Client, two: TwoMoments) -> None:
    client.force_login(a_person(vhost="/", queue="mail"))
    for path in pages(two):
        if path.startswith(("/workers/", "/tasks/")) and path[-2].isdigit():
            continue
        answer = client.get(at_moment(two, path))
        said = text_of(answer)
        assert (BANNER in said or answer.status_code == 404) and not re.search(r"\blegacy\b", said), path
    answer = client.get(two.address(f"/queues/{two.queue('legacy')}/"))
    assert answer.status_code == 404


def test_history_lists_how_far_back_it_goes_its_gaps_and_its_changes(person: Client, two: TwoMoments) -> None:
    said = text_of(person.get("/history/"))
    assert "How far back prod" in said and "every 5 s since" in said and "prod: all of it" in said
    html = person.get("/history/").content.decode()
    assert f"at={quote(at_text(two.then), safe='')}" in unescape(html)
    assert person.get("/history/?day=nonsense").status_code == person.get("/history/?day=1999-01-01").status_code == 200


def test_history_counts_what_is_missing_of_an_hour_by_the_second(person: Client, now: datetime) -> None:
    broker, memory = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=5, revision=1), BrokerMemory()
    for seconds in range(240, 0, -5):
        if not 90 < seconds <= 150:
            at = now - timedelta(seconds=seconds)
            store.save_poll(broker.pk, a_poll(at, a_queue("mail", ready=1), overview={"ready": 1, "unacknowledged": 0}), at, memory)
    hours = re.findall(r"prod: (all of it|about \d+ min)", text_of(person.get("/history/")))
    assert hours[0] == "about 56 min" and {*hours[1:]} == {"all of it"}
