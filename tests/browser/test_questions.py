"""The ten questions of docs/questions.md: each is answered by the steps that stand there, with what was made to happen before, in fewer steps than Flower."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import APIRequestContext, Browser, Locator, Page, expect

from tests.browser.conftest import Stack
from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.conftest import Workers

PAGE = (Path(__file__).parents[2] / "docs" / "questions.md").read_text(encoding="utf-8")
KNOWN_SECONDS = 90
RATES_SECONDS = 300
NO_ANSWER = "no answer"
SENT, PAID = 3, 17
REST_SECONDS = 2
LOST, LATER = 4, 3


class Question(msgspec.Struct, frozen=True):
    """`flower`: how many steps, None: no answer."""

    text: str
    steps: list[str]
    flower: int | None


def read(section: str) -> Question:
    text, _, rest = section.partition("\n")
    ours, _, flower = rest.partition("**In Flower")
    return Question(text.strip(), _numbered(ours), None if flower.startswith(f":** {NO_ANSWER}") else len(_numbered(flower)))


def _numbered(text: str) -> list[str]:
    return re.findall(r"^\d+\. (.+)$", text, re.MULTILINE)


QUESTIONS = [read(section) for section in PAGE.split("\n## ")[1:]]


class Ops:
    """A virtual host with a day's troubles, and Hareline's API there."""

    def __init__(self, stack: Stack, vhost: str, api: APIRequestContext, workers: Workers) -> None:
        self.stack, self.node, self.vhost, self.api, self.workers = stack, stack.node, vhost, api, workers
        self.here = f"broker=test&vhost={vhost}"
        self.values: dict[str, str] = {}
        """What the words in italics of the steps stand for."""

    def get(self, call: str) -> Any:
        return self.api.get(f"{self.stack.url}/api/v1/{call}").json()

    def tasks(self, words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"tasks?{self.here}&q={words}")["items"]
        return found

    def send(self, task: str, *arguments: Any, count: int = 1, **options: Any) -> str:
        """The id of the last one."""
        with self.workers.app.connection_for_write() as link:
            return [str(self.workers.app.send_task(task, arguments, queue="depot", connection=link, **options).id) for _ in range(count)][-1]

    def start(self, directory: Path) -> None:
        self.node.api("PUT", f"queues/{self.vhost}/invoices", {"durable": True})
        options = ("--without-mingle", "--without-gossip", "-E")
        self.workers.start("till@ops", "-c", "1", "-Q", "payments", *options, app="ops_app")
        self.workers.start("depot@ops", "-c", "2", "-Q", "depot", "-B", "-s", str(directory / "beat"), *options, app="ops_app")
        wait_until(lambda: [self._is_known(one) for one in self.get(f"workers?{self.here}")["items"]] == [True, True], KNOWN_SECONDS)

    def _is_known(self, worker: dict[str, Any]) -> bool:
        """Whether its pool is, and how many tasks it had processed before: what is lost counts from there."""
        return worker["pool"] == "prefork" and worker["processed"] is not None

    def happen(self, log: Path) -> None:
        self.publish("invoices", SENT)
        self._lose_events(log)
        order = self.send("ops.order", PAID)
        self.send("ops.charge", 4711, count=2)
        self.send("ops.mail", "ada@example.org")
        self.send("ops.log", str(log), count=LATER, countdown=3600)
        self.send("ops.rest", REST_SECONDS)
        self.send("ops.rest", 3600)
        wait_until(lambda: self.tasks("name:ops.rest+state:success"), KNOWN_SECONDS)
        wait_until(lambda: len(self.tasks("state:failed")) == 4 and len(self.tasks(f"root:{order}+state:ended")) == 3, KNOWN_SECONDS)
        [pay] = self.tasks(f"root:{order}+name:ops.pay")
        self.values = {
            "the id of the task": pay["uuid"],
            "the id of the task that calls others": order,
            "the queue that grows": "invoices",
            "the queue with an ETA": "depot",
            "the node that lost events": "depot@ops",
            "the slow task": "ops.rest",
        }

    def publish(self, queue: str, count: int) -> None:
        for _ in range(count):
            self.node.api(
                "POST", f"exchanges/{self.vhost}/amq.default/publish", {"properties": {}, "routing_key": queue, "payload": "x", "payload_encoding": "string"}
            )

    def _lose_events(self, log: Path) -> None:
        """Hareline's queue of events is cut off while four tasks run."""
        bound = [one for one in self.node.api("GET", f"exchanges/{self.vhost}/celeryev/bindings/source") if one["destination"].startswith("hareline")]
        for one in bound:
            self.node.api("DELETE", f"{_binding(self.vhost, one['destination'])}/{one['properties_key']}")
        self.send("ops.log", str(log), count=LOST)
        wait_until(lambda: log.exists() and log.read_text() == "ran\n" * LOST, KNOWN_SECONDS)
        for one in bound:
            self.node.api("POST", _binding(self.vhost, one["destination"]), {"routing_key": one["routing_key"], "arguments": one["arguments"]})


def _binding(vhost: str, queue: str) -> str:
    return f"bindings/{vhost}/e/celeryev/q/{queue}"


@pytest.fixture(scope="module")
def ops(stack: Stack, rabbitmq: TestNode, login_cookies: Any, browser: Browser) -> Iterator[Ops]:
    vhost, context = rabbitmq.new_vhost(), browser.new_context(storage_state=login_cookies)
    with tempfile.TemporaryDirectory(prefix="hareline-ops-", ignore_cleanup_errors=True) as directory:
        workers = Workers(rabbitmq, vhost, Path(directory))
        workers.app.conf.task_send_sent_event = True
        ops = Ops(stack, vhost, context.request, workers)
        try:
            ops.start(Path(directory))
            ops.happen(Path(directory) / "ran")
            yield ops
        finally:
            workers.end_all()
            workers.app.close()
            context.close()
            rabbitmq.api("DELETE", f"vhosts/{vhost}")


def take(page: Page, step: str, values: dict[str, str]) -> None:
    if clicked := re.fullmatch(r"Click (?:“(.+)”|\*(.+)\*)\.", step):
        before = page.url
        page.get_by_role("link", name=clicked[1] or values[clicked[2]], exact=True).first.click()
        page.wait_for_url(lambda url: url != before)
        return
    searched = re.fullmatch(r"Search for \*(.+)\*\.", step)
    assert searched, f"no such step: {step}"
    wanted = values[searched[1]]
    page.keyboard.press("/")
    page.locator(".finder-field").fill(wanted)
    expect(page.locator("#finder-results").get_by_role("option", selected=True)).to_contain_text(wanted)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/\d+/"))


def row(page: Page, *words: str) -> Locator:
    found = page.get_by_role("main").locator("tbody tr, .sources li")
    for word in words:
        found = found.filter(has_text=word)
    return found.first


def why_there(page: Page, ops: Ops) -> None:
    expect(page.get_by_role("heading", name="It reaches queue payments from exchange counter with pay.card.")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("pay.# matches: # covers card")


def why_it_grows(page: Page, ops: Ops) -> None:
    main = page.get_by_role("main")
    expect(main.locator("[data-text=depth]").first).to_have_text(str(SENT))
    expect(main.locator("[data-text=reason]")).to_have_text(re.compile("nobody consumes|no consumer"))
    expect(main).to_contain_text(re.compile(r"No consumer since \d\d:\d\d:\d\d"))


def what_fails(page: Page, ops: Ops) -> None:
    rows = page.locator(".failures-table tbody tr")
    counted = [("ValueError card … was declined", "ops_app.py in charge", "3"), ("OSError no answer", "ops_app.py in mail", "1")]
    expect(rows).to_have_count(len(counted))
    for number, words in enumerate(counted):
        for word in words:
            expect(rows.nth(number)).to_contain_text(word)


def what_waits(page: Page, ops: Ops) -> None:
    expect(row(page, "Held by workers until their ETA").get_by_role("cell").first).to_have_text(str(LATER))


def who_is_free(page: Page, ops: Ops) -> None:
    nodes = page.locator("tr[id^=worker-]")
    for name, used in (("till@ops", "0 / 1"), ("depot@ops", "1 / 2")):
        expect(nodes.filter(has_text=name)).to_contain_text(used)


def when_empty(page: Page, ops: Ops) -> None:
    expect(row(page, "mail")).to_contain_text("never at this rate")


def fill_mail(ops: Ops) -> None:
    """Of a queue whose rates are recorded for long, which a queue of this module would have to wait for."""
    ops.stack.publish("mail", SENT)
    wait_until(lambda: [one for one in ops.get(f"capacity?{ops.stack.here}")["queues"] if (one["queue"], one["outcome"]) == ("mail", "never")], RATES_SECONDS)


def whether_it_ran(page: Page, ops: Ops) -> None:
    expect(row(page, "count the stock", "every 2 s")).to_contain_text("succeeded")
    expect(row(page, "nightly report")).to_contain_text("not seen")


def what_happened(page: Page, ops: Ops) -> None:
    family = page.get_by_role("region", name="Related tasks")
    expect(family.get_by_role("listitem").filter(has_text="ops.pay").last).to_contain_text("succeeded")
    expect(family.get_by_role("listitem").filter(has_text="ops.charge").last).to_contain_text("failed")


def what_was_lost(page: Page, ops: Ops) -> None:
    expect(row(page, "Completeness")).to_contain_text(
        re.compile(rf"Completeness [1-{LOST}] task events? lost since")
    )  # of the last, the event may be sent later


def what_is_slow(page: Page, ops: Ops) -> None:
    expect(page.get_by_role("heading", level=1, name="ops.rest")).to_be_visible()
    [ran] = ops.tasks("name:ops.rest+state:success")
    shown = page.get_by_role("region", name="Figures").get_by_role("definition").filter(has_text=re.compile(r"^[0-9.]+ s\b")).first.inner_text()
    assert float(shown.split()[0]) == pytest.approx(ran["runtime_seconds"], rel=0.05), "a sketch is within 2 %, its text has two digits"
    expect(page.get_by_role("region", name="Charts")).to_contain_text("p95")
    expect(row(page, "Runtime p95")).to_contain_text(shown.split()[0])


ANSWERS: dict[str, Callable[[Page, Ops], None]] = {
    "Why did this task go to that queue?": why_there,
    "Why does this queue grow, and who consumes it?": why_it_grows,
    "Which tasks fail most, and where in my code?": what_fails,
    "How many tasks of this queue wait for their ETA?": what_waits,
    "Which node has free slots?": who_is_free,
    "Did the periodic tasks run?": whether_it_ran,
    "What happened to this task and the tasks it called?": what_happened,
    "How many events of this node were lost?": what_was_lost,
    "What is slow, and since when?": what_is_slow,
    "When will this queue be empty?": when_empty,
}


def test_each_question_takes_fewer_steps_than_in_flower_and_as_many_as_the_table_says() -> None:
    table = re.findall(r"^\| \[(.+?)\]\(#(.+?)\) \| (\d+) \| (\d+|no answer) \|$", PAGE, re.MULTILINE)
    counted = [(one.text, _anchor(one.text), str(len(one.steps)), NO_ANSWER if one.flower is None else str(one.flower)) for one in QUESTIONS]
    assert table == counted
    assert sorted(ANSWERS) == sorted(one.text for one in QUESTIONS)
    assert len(QUESTIONS) == 10
    assert [one.text for one in QUESTIONS if one.flower is not None and len(one.steps) >= one.flower] == []


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("text", ANSWERS)
@pytest.mark.nightly
def test_the_steps_lead_to_the_answer(ops: Ops, page: Page, text: str) -> None:
    [question] = [one for one in QUESTIONS if one.text == text]
    if text == "When will this queue be empty?":
        fill_mail(ops)
        page.goto(f"{ops.stack.url}/?{ops.stack.here}")
    else:
        page.goto(f"{ops.stack.url}/?{ops.here}")
    for step in question.steps:
        take(page, step, ops.values)
    ANSWERS[text](page, ops)
