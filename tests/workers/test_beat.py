"""A real beat with django-celery-beat, a second one beside it, and what becomes of their tasks once the first is killed: as their own logs have it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brokers.scope import EVERYTHING
from dashboard.periodic.known import Known, periodic_tasks
from tests.waiting import wait_until
from tests.workers.conftest import ROOT, Watching, Workers
from workers.user_app import client
from workers.user_app.client import UserApp

SECONDS = 120
DATABASE = "beat.sqlite3"
ENTRIES = """
import tests.workers.beat_app
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
second = IntervalSchedule.objects.create(every=1, period="seconds")
PeriodicTask.objects.create(name="paused", task="paused", interval=second, enabled=False)
at_four = CrontabSchedule.objects.create(minute="0", hour="4", timezone="Europe/Berlin")
PeriodicTask.objects.create(name="at four", task="hourly", crontab=at_four, kwargs='{"of": "the day"}')
"""


class Beats:
    """Schedulers of `tests.workers.beat_app`, each with a log of what it sent."""

    def __init__(self, workers: Workers, directory: Path) -> None:
        self.directory = directory
        self.environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        self.environment |= {"TEST_CELERY_BROKER": workers.node.amqp_url(workers.vhost), "TEST_BEAT_DATABASE": str(directory / DATABASE)}
        self.environment |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, app: str, *options: str) -> None:
        command = [sys.executable, "-m", "celery", "-A", f"tests.workers.beat_app:{app}", "beat", "--loglevel", "DEBUG", "--pidfile=", *options]
        with (self.directory / f"{app}.log").open("wb") as log:
            self.processes[app] = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT)

    def sent(self, app: str, name: str) -> int:
        """How many tasks of an entry the scheduler’s log says that it sent."""
        return (self.directory / f"{app}.log").read_text(errors="replace").count(f"Sending due task {name} ")

    def unsure(self, app: str, name: str) -> int:
        """1 if the scheduler was killed between the line that it sends a task of the entry and the line that it was sent, else 0."""
        log = (self.directory / f"{app}.log").read_text(errors="replace")
        last = log[max(log.rfind("Sending due task "), 0) :]
        return int(last.startswith(f"Sending due task {name} ") and " sent. id->" not in last)

    def kill(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of django-celery-beat with the periodic tasks that are kept there."""
    file = tmp_path_factory.mktemp("beat") / DATABASE
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment |= {"TEST_CELERY_BROKER": "memory://", "TEST_BEAT_DATABASE": str(file), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", ENTRIES], cwd=ROOT, env=environment, check=True)
    return file


@pytest.fixture
def beats(workers: Workers, entries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beats]:
    found = Beats(workers, tmp_path)
    shutil.copy(entries, tmp_path / DATABASE)
    for name in ("TEST_CELERY_BROKER", "TEST_BEAT_DATABASE", "PYTHONPATH"):
        monkeypatch.setenv(name, found.environment[name])
    yield found
    found.kill()


def known() -> dict[str, Known]:
    return {one.entry.name: one for one in periodic_tasks(EVERYTHING, None, None, datetime.now(UTC)).items}


def test_a_real_beat_is_shown_as_its_own_log_has_it(workers: Workers, watching: Watching, beats: Beats, settings: object) -> None:
    settings.CELERY_APP = path = "tests.workers.beat_app:app"  # type: ignore[attr-defined]
    with closing(client.application(path)):
        workers.start("a@tests", "-P", "solo", app="beat_app")
        watching.start()
        watching.wait_for_source(lambda source: source.state == source.RECEIVING)
        wait_until(lambda: "steady" in known(), SECONDS)
        beats.start("app", "-S", "django")
        beats.start("second", "-s", str(beats.directory / "second-schedule"))
        wait_until(lambda: beats.sent("app", "steady") > 4 and beats.sent("second", "doubled") > 2, SECONDS)
        wait_until(lambda: known()["doubled"].state == "doubled", SECONDS)
        assert known()["paused"].state == "paused" and "Europe/Berlin" in str(known()["at four"].entry.schedule)
        beats.kill()
        missed = wait_until(lambda: (found := known()) and found["steady"].state == "missed" and found["other"].state == "missed" and found, SECONDS)
    for name, of_both in (("steady", False), ("other", False), ("doubled", True)):
        sent = beats.sent("app", name) + (beats.sent("second", name) if of_both else 0)
        unsure = beats.unsure("app", name) + (beats.unsure("second", name) if of_both else 0)
        assert 0 < sent - unsure <= len(missed[name].runs) <= sent, name
    assert missed["hourly"].state == "unknown" and missed["paused"].runs == [] and missed["at four"].next_at is not None


def test_the_periodic_tasks_of_an_application_are_read_with_what_its_scheduler_noted(beats: Beats) -> None:
    with closing(UserApp("tests.workers.beat_app:app")) as app:
        found = {entry.name: entry for entry in app.periodic()}
    assert not found["paused"].enabled and found["paused"].runs == 0 and found["steady"].args == "(1,)"
    assert (found["at four"].kwargs, found["at four"].schedule.timezone) == ("{'of': 'the day'}", "Europe/Berlin")  # type: ignore[union-attr]
