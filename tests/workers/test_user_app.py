"""The user's own Celery app, loaded in a process of its own: what it reports, how its functions route, and how little harm it can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until
from workers import explain_task
from workers.router_functions import RouterUnavailable
from workers.user_app.client import AppUnavailable, UserApp

PROJECT = """
import os
from celery import Celery
from kombu import Exchange, Queue
from kombu.common import Broadcast
import re

class ByLength:
    def route_for_task(self, task, args=None, kwargs=None):
        return {"queue": Queue("long", Exchange("media", "topic"), routing_key="long.#")} if len(task) > 20 else None

def by_argument(name, args, kwargs, options, task=None, **_):
    print("this goes nowhere")
    if kwargs.get("raise"):
        raise LookupError("amqp://me:hunter2@rabbit")
    if kwargs.get("hang"):
        while True:
            pass
    if kwargs.get("die"):
        os._exit(3)
    if kwargs.get("ours"):
        return ",".join(sorted(name for name in os.environ if name.startswith("HARELINE"))) or "nothing"
    if isinstance(options.get("queue"), Queue):
        return None
    return {"queue": "by-argument", "priority": task.priority} if args and args[0] == "fast" else None

app = Celery("proj", broker="amqp://me:hunter2@rabbit")
app.conf.update(
    task_default_queue="jobs",
    task_queues=[Queue("jobs"), Queue("feeds", Exchange("media", "topic"), routing_key="feed.#", max_priority=3), Broadcast("all")],
    task_routes=[{re.compile("(video|image)[.].*"): {"queue": "feeds", "routing_key": "feed.new"}}, by_argument, "proj.routing.ByName", ByLength()],
    task_annotations={"shop.pay": {"priority": 7}},
)

@app.task(name="shop.pay", queue="jobs2")
def pay(): pass

@app.task(name="plain")
def plain(): pass
"""
ROUTING = """
class ByName:
    def route_for_task(self, task, args=None, kwargs=None):
        return "named" if task == "by.name" else None
"""
Write = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a package `proj` whose module `celery` is this text, and gives the import path of its app."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HARELINE_ADMIN_PASSWORD", "hunter2")

    def write(text: str = PROJECT) -> str:
        package = tmp_path / "proj"
        package.mkdir()
        for name, content in (("__init__", ""), ("celery", text), ("routing", ROUTING)):
            (package / f"{name}.py").write_text(content)
        return "proj.celery:app"

    return write


@pytest.fixture
def used() -> Iterator[Callable[..., UserApp]]:
    """Makes an app that is closed at the end."""
    made: list[UserApp] = []

    def make(path: str, import_seconds: float = 60, answer_seconds: float = 30) -> UserApp:
        made.append(UserApp(path, import_seconds, answer_seconds))
        return made[-1]

    yield make
    for one in made:
        one.close()


def explained(app: UserApp, task: str, **call: Any) -> explain_task.Answer:
    report = app.report()
    question = {"conf": report.conf, "task": {"name": task, "attributes": report.tasks.get(task, {})}, **call}
    return explain_task.answer(question, report.routers)


def test_its_settings_and_tasks_are_reported_whole_and_its_secrets_not(project: Write, used: Callable[..., UserApp]) -> None:
    report = used(project()).report()
    assert [next(iter(queue)) for queue in report.conf["task_queues"]] == ["$queue", "$queue", "$broadcast"]
    assert report.conf["task_default_queue"] == "jobs"
    assert "hunter2" not in str(report)
    assert (report.tasks["shop.pay"]["queue"], report.tasks["shop.pay"]["priority"]) == ("jobs2", 7)
    assert sorted(report.routers) == ["proj.celery.ByLength", "proj.celery.by_argument", "proj.routing.ByName"]


def test_its_functions_decide_through_celerys_own_code(project: Write, used: Callable[..., UserApp]) -> None:
    app = used(project())
    found = {name: explained(app, name) for name in ("video.encode", "by.name", "a.task.with.a.long.name", "plain")}
    assert {name: (answer.queue, answer.exchange, answer.routing_key) for name, answer in found.items()} == {
        "video.encode": ("feeds", "media", "feed.new"),
        "by.name": ("named", "", "named"),
        "a.task.with.a.long.name": ("long", "media", "long.#"),
        "plain": ("jobs", "", "jobs"),
    }
    assert all(answer.certain for answer in found.values())
    assert any("proj.routing.ByName" in step.why for step in found["by.name"].steps)


def test_a_router_sees_arguments_options_and_the_real_task(project: Write, used: Callable[..., UserApp]) -> None:
    app = used(project())
    assert explained(app, "plain", args=["fast"]).queue == "by-argument"
    assert explained(app, "plain", args=["fast"], options={"queue": "feeds"}).queue == "feeds"
    paid = explained(app, "shop.pay", args=["fast"])
    assert (paid.queue, paid.priority, paid.differing) == ("jobs2", 7, [])


def test_what_a_router_raises_is_celerys_error_without_its_text(project: Write, used: Callable[..., UserApp]) -> None:
    answer = explained(used(project()), "plain", kwargs={"raise": True})
    assert answer.error is not None
    assert answer.error.startswith("LookupError: raised by the application: LookupError (celery.py, line ")
    assert "hunter2" not in answer.error


def test_nothing_of_our_environment_reaches_it(project: Write, used: Callable[..., UserApp]) -> None:
    assert explained(used(project()), "plain", kwargs={"ours": True}).queue == "nothing"


@pytest.mark.parametrize(("kwargs", "words"), [({"hang": True}, "gave no answer of its router proj.celery.by_argument within 3 s"), ({"die": True}, "ended")])
def test_a_router_that_never_returns_or_kills_its_process_is_given_up_and_the_next_question_answered(
    project: Write, used: Callable[..., UserApp], kwargs: dict[str, Any], words: str
) -> None:
    app = used(project(), answer_seconds=3)
    with pytest.raises(RouterUnavailable, match=words):
        explained(app, "plain", kwargs=kwargs)
    assert explained(app, "by.name").queue == "named"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_that_name", "there is no module nothing_of_that_name"),
        ("app = 5", "it is no Celery app but of type int"),
        ("application = 5", "proj.celery has no app"),
        ("password = {'amqp://me:hunter2@rabbit': 1}['amqp://you:hunter2@rabbit']", "KeyError (celery.py, line 1)"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit('hunter2')", "SystemExit (celery.py, line 1)"),
        ("import os; os._exit(0)", "ended its process"),
        ("import os; os.write(1, b'x' * 100); os.close(1); x = bytearray(4_000_000_000)", "MemoryError"),
        ("while True: pass", "was not imported within 1.5 s"),
    ],
)
def test_the_reason_why_an_application_cannot_be_used_holds_no_secret(project: Write, used: Callable[..., UserApp], text: str, words: str) -> None:
    app = used(project(text), import_seconds=1.5 if "while" in text else 60)
    with pytest.raises(AppUnavailable) as raised:
        app.report()
    assert words in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_failure_is_remembered_so_that_not_every_page_waits(project: Write, used: Callable[..., UserApp]) -> None:
    app = used(project("import nothing_of_that_name"))
    for _ in range(2):
        with pytest.raises(AppUnavailable, match="nothing_of_that_name"):
            app.report()
    assert app._process is None


def test_its_process_ends_with_ours_and_with_what_it_started(project: Write, used: Callable[..., UserApp], tmp_path: Path) -> None:
    text = f"import subprocess\nchild = subprocess.Popen(['sleep', '600'])\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n{PROJECT}"
    app = used(project(text))
    app.report()
    pid = int((tmp_path / "pid").read_text())
    app.close()
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0], 10)
