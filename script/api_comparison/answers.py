"""The answers that one checkout gives: run in its root, with a copy of the database in HARELINE_DATA_DIR, and given the moment of the recording.

It uses Django and the addresses of docs/api.md only, so that any version can run it. Prints {call: [status, answer]} as JSON.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

MOST_OF_A_KIND = 25
METRICS = (
    "depth",
    "ready",
    "unacknowledged",
    "consumers",
    "publish_per_second",
    "deliver_per_second",
    "ack_per_second",
    "redeliver_per_second",
    "memory_bytes",
)
EXPLAINED = ("order.created.eu", "", "orders.us")


def main() -> None:
    sys.path.insert(0, str(Path.cwd()))
    moment = datetime.fromisoformat(sys.argv[1])
    import django
    from django.utils import timezone

    timezone.now = lambda: moment  # every age is counted from it
    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    client = Client(raise_request_exception=False)
    person, _ = get_user_model().objects.get_or_create(username="api-comparison", is_superuser=True)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    calls = Calls(client)
    calls.made()
    if "--more" in sys.argv[2:]:  # what versions before PostgreSQL need not know
        calls.make_more(moment)
    json.dump(calls.answers, sys.stdout)


class Calls:
    """Calls every address for what the lists name."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.answers: dict[str, tuple[int, Any]] = {}

    def made(self) -> None:
        lists = {name: self.get(name, page_size=MOST_OF_A_KIND) for name in ("brokers", "nodes", "queues", "exchanges", "bindings", "workers", "tasks")}
        for name, sort in (("queues", "-depth"), ("exchanges", "name"), ("workers", "hostname"), ("tasks", "at")):
            self.get(name, sort=sort, page=2, page_size=5)
        for queue in lists["queues"]:
            place = {"broker": queue["broker"], "vhost": queue["vhost"]}
            self.get("queue", **place, name=queue["name"])
            self.get("routing/reach", **place, queue=queue["name"])
            for metric in ("depth", "publish_per_second"):
                self.get("history", **place, queue=queue["name"], metric=metric)
        for exchange in lists["exchanges"]:
            place = {"broker": exchange["broker"], "vhost": exchange["vhost"]}
            self.get("exchange", **place, name=exchange["name"])
            for key in EXPLAINED:
                self.post("routing/explain", **place, exchange=exchange["name"], routing_key=key)
        for worker in lists["workers"]:
            self.get("routing/reach", broker=worker["broker"], vhost=worker["vhost"], worker=worker["hostname"])
        for task in lists["tasks"]:
            self.get("task", uuid=task["uuid"])
            self.post("routing/explain-task", broker=task["broker"], vhost=task["vhost"], task=task["name"] or "")

    def make_more(self, moment: datetime) -> None:
        """Each filter and order of the tasks, pages far back, every metric and a day of history."""
        queues, tasks = (self.get(name, page_size=MOST_OF_A_KIND) for name in ("queues", "tasks"))
        for task in tasks[:5]:
            for name in ("name", "worker", "queue", "state"):
                if task[name]:
                    self.get("tasks", **{name: task[name]}, page_size=MOST_OF_A_KIND)
                    self.get("tasks", **{"state": "FAILURE", name: task[name]}, page_size=MOST_OF_A_KIND)
        for text in ("customer-17", "customer-17 state:failure", "ValueError", "EUR name:shop.mail.send", "order", "cust*", "no-such-word"):
            self.get("tasks", q=text, page_size=MOST_OF_A_KIND)
        for sort in ("at", "-at", "name", "-name", "runtime", "-runtime", "state", "-started_at", "ended_at"):
            self.get("tasks", sort=sort, page_size=MOST_OF_A_KIND)
        for page in (2, 40, 400):
            self.get("tasks", page=page, page_size=MOST_OF_A_KIND)
        for minutes in (1, 30, 60 * 24):
            self.get("tasks", **{"from": (moment - timedelta(minutes=minutes)).isoformat(), "to": moment.isoformat()}, page_size=MOST_OF_A_KIND)
        for queue in queues[:5]:
            place = {"broker": queue["broker"], "vhost": queue["vhost"], "queue": queue["name"]}
            for metric in METRICS:
                for hours in (1, 6, 24):
                    self.get("history", **place, metric=metric, **{"from": (moment - timedelta(hours=hours)).isoformat(), "to": moment.isoformat()})
        for name in ("connections", "channels"):
            self.get(name)

    def get(self, call: str, **query: Any) -> list[dict[str, Any]]:
        address = f"/api/v1/{call}?{urlencode(query)}"
        return self._note(address, self.client.get(address))

    def post(self, call: str, **body: Any) -> None:
        address = f"/api/v1/{call}"
        self._note(f"{address} {json.dumps(body)}", self.client.post(address, json.dumps(body), content_type="application/json"))

    def _note(self, call: str, answer: Any) -> list[dict[str, Any]]:
        body = answer.json()
        self.answers[call] = (answer.status_code, body)
        items: list[dict[str, Any]] = body.get("items", []) if isinstance(body, dict) else []
        return items


main()
