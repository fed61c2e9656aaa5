"""Worker nodes, tasks and findings of a broker of whose virtual host `/shop` somebody may see the queues `orders.*` only: the names of everything else have
SECRET in them, and all arguments and results ARGUMENT."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from brokers.models import Broker, Lease, Queue, VirtualHost
from brokers.polling import leases
from dashboard.models import Finding, FindingRound
from workers import store
from workers.models import EventSource, Task, Worker
from workers.receiving.task_order import SUCCEEDED
from workers.store.task_statistics import save_counted
from workers.task_statistics import Key, nothing

SHOP, ELSEWHERE = "/shop", "SECRET-ELSEWHERE"
FAILED = "no AMQP connection to SECRET.example:5672: timed out"
"""A reason as failures have them, with an address."""


class Works:
    """Its rows: `packer@shop` consumes orders.eu and SECRETqueue, the others only what is hidden."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        known = {"since": self.now, "polled_at": self.now, "poll_seconds": 600, "version": "3.10.8", "revision": 1, "depth_source_reason": FAILED}
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", **known)
        for name in ("poll prod-SECRET", f"events prod {ELSEWHERE}"):
            Lease.objects.create(name=name, holder="web-1:12:1-a", taken_at=self.now, expires_at=self.now + timedelta(hours=1))
        leases.beat("receiver", "web-1:12:1-a", self.now)
        for vhost in (SHOP, ELSEWHERE):
            VirtualHost.objects.create(broker=self.broker, name=vhost, first_seen_at=self.now)
            EventSource.objects.create(
                broker=self.broker,
                vhost=vhost,
                state=EventSource.UNREACHABLE,
                since=self.now,
                received_at=self.now,
                events=4711,
                reason=FAILED,
                inspect_reason=FAILED,
                hint=FAILED,
            )
        self.eu, self.secret = (self.queue(name) for name in ("orders.eu", "SECRETqueue"))
        self.queue("SECRET-ELSEWHERE-queue", ELSEWHERE)
        self.packer = self.worker("packer@shop", ("orders.eu", "SECRETqueue"), running=("pack-1", "SECRET-1"))
        self.worker("SECRETworker@shop", ("SECRETqueue",))
        self.worker("SECRETworker@elsewhere", ("SECRET-ELSEWHERE-queue",), ELSEWHERE)
        self.pack = self.task("pack-1", "shop.pack", "orders.eu", sent_queue="SECRETqueue", exchange="SECRETexchange", routing_key="SECRETkey")
        self.task("SECRET-1", "SECRETtask", "SECRETqueue", parent_id="pack-1", root_id="pack-1")
        self.task("SECRET-2", "SECRETtask", None)
        self.task("SECRET-3", "SECRETtask", "SECRET-ELSEWHERE-queue", vhost=ELSEWHERE, worker="SECRETworker@elsewhere")
        self._statistics()
        self._findings()

    def _statistics(self) -> None:
        """Those of every task, summed, and the same again, not yet summed."""
        secret = "SECRETtask"
        places = ((SHOP, "shop.pack", "orders.eu"), (SHOP, secret, "SECRETqueue"), (SHOP, secret, ""), (ELSEWHERE, secret, "SECRET-ELSEWHERE-queue"))
        for _ in range(2):
            store.sum_statistics()
            for vhost, name, queue in places:
                counted = nothing()
                counted.events[SUCCEEDED] = 1
                save_counted(self.broker.pk, vhost, {Key(int(self.now.timestamp()) // 60 * 60, name, queue): counted})

    def at(self, vhost: str = SHOP) -> dict[str, Any]:
        return {"broker": self.broker, "vhost": vhost}

    def queue(self, name: str, vhost: str = SHOP) -> Queue:
        known = {"type": "classic", "state": "running", "durable": True, "auto_delete": False, "exclusive": False, "consumers": 1}
        return Queue.objects.create(**self.at(vhost), name=name, ready=3, depth=3, first_seen_at=self.now, changed_at=self.now, **known)

    def worker(self, hostname: str, queues: tuple[str, ...], vhost: str = SHOP, running: tuple[str, ...] = ()) -> Worker:
        listed = [{"uuid": uuid, "name": f"name of {uuid}", "args": "('ARGUMENT',)", "started_at": self.now.isoformat()} for uuid in running]
        reported = {
            "queues": [{"name": name, "exchange": "SECRETexchange", "declared": {"queue_arguments": {"x": "SECRET"}}} for name in queues],
            "registered": [{"name": name, "attributes": {"queue": "SECRETqueue"}} for name in ("shop.pack", "SECRETtask")],
            "configuration": {"task_default_queue": "SECRETqueue"},
        }
        known = {
            "state": Worker.ONLINE,
            "reason": FAILED,
            "inspect_reason": FAILED,
            "pool": "prefork",
            "concurrency": 4,
            "active": len(running),
            "active_tasks": listed,
            "active_tasks_at": self.now,
        }
        moments = {"since": self.now, "heartbeat_at": self.now, "first_seen_at": self.now, "changed_at": self.now, "configuration_at": self.now}
        return Worker.objects.create(**self.at(vhost), hostname=hostname, **known, **moments, **reported)

    def task(self, uuid: str, name: str, queue: str | None, vhost: str = SHOP, worker: str = "packer@shop", **known: Any) -> Task:
        shown = {"args": "('ARGUMENT',)", "kwargs": "{'of': 'ARGUMENT'}", "result": "'ARGUMENT'", "state": "SUCCESS", "retries": 0}
        moments = {"sent_at": self.now, "received_at": self.now, "started_at": self.now, "ended_at": self.now}
        return Task.objects.create(
            **self.at(vhost), uuid=uuid, name=name, queue=queue, worker=worker, first_seen_at=self.now, changed_at=self.now, **shown, **moments, **known
        )

    def _findings(self) -> None:
        for broker in (self.broker, None):
            FindingRound.objects.create(broker=broker, at=self.now, took_ms=1, rules=1, unsure={"worker_gone": "SECRETworker@shop: SECRET"})
        self.finding("queue", "orders.eu", self.eu.pk)
        self.finding("queue", "SECRETqueue", self.secret.pk)
        self.finding("worker", "packer@shop", self.packer.pk)
        self.finding("worker", "SECRETworker@shop", None)
        self.finding("exchange", "SECRETexchange", None)
        self.finding("queue", "SECRET-ELSEWHERE-queue", None, ELSEWHERE)
        self.finding("broker", "prod", self.broker.pk, "", "SECRET happened on prod")

    def finding(self, kind: str, name: str, key: int | None, vhost: str = SHOP, title: str = "") -> Finding:
        body = {"summary": "SECRETsummary", "evidence": [{"name": "SECRETname", "value": "SECRET"}], "causes": [{"text": "SECRETcause"}], "to_do": ["SECRET"]}
        moments = {"opened_at": self.now, "seen_at": self.now}
        return Finding.objects.create(
            identity=f"{kind} {name}", rule="no_consumer", level="warning", worst_level="warning", **self.at(vhost), kind=kind, name=name, object_id=key,
            title=title or f"{name} has no consumer", short="has no consumer", body=body, **moments,
        )  # fmt: skip
