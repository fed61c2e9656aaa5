"""A worker node of the lab: Celery's own, in a process that the host of its experiment forked. It declares nothing, and reports what it gets and does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, NoReturn

from celery import Celery, bootsteps, signals
from celery.exceptions import Reject
from kombu.entity import Queue

from workers.lab.place import TRANSPORT, Place
from workers.lab.plan import NodePlan
from workers.lab.reports import Kind, Report, line

TASK = "lab.work"
START_SECONDS = 60.0  # for the processes of its pool, on a busy machine


def run(place: Place, plan: NodePlan, reports: int) -> NoReturn:
    """Works until SIGTERM. `reports`: the descriptor of the pipe that takes lines."""

    def report(kind: Kind, message: str = "", text: str = "") -> None:
        os.write(reports, line(Report(kind, time.time(), plan.name, message, text)))

    app = _app(place, plan)
    _define(app, plan, report)

    def ready(sender: Any, **_: Any) -> None:
        report("ready", text=str(sender.connection.connection.sock.getsockname()[0]))

    def got(request: Any, **_: Any) -> None:
        report("got", str(request.id))

    signals.worker_ready.connect(ready, weak=False)
    signals.task_received.connect(got, weak=False)
    app.steps["consumer"].add(_each_connection(lambda: report("away")))
    worker = app.Worker(
        hostname=f"{plan.name}@{plan.address}",
        pool_cls="prefork",
        concurrency=plan.processes,
        loglevel="ERROR",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    os._exit(int(worker.exitcode or 0))


def _app(place: Place, plan: NodePlan) -> Celery:
    app = Celery(plan.name, broker=place.full_url, backend="rpc://", set_as_current=True, loader="celery.loaders.default:Loader")
    app.conf.update(
        broker_transport=TRANSPORT,
        broker_transport_options=place.options(plan.name, plan.address),
        broker_use_ssl=place.tls,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_heartbeat=20,
        task_queues=(Queue(plan.queue, no_declare=True),),
        task_default_queue=plan.queue,
        task_create_missing_queues=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=plan.prefetch,
        worker_detect_quorum_queues=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_proc_alive_timeout=START_SECONDS,
    )
    return app


def _each_connection(lost: Callable[[], None]) -> type[bootsteps.StartStopStep]:
    """Makes a worker send `worker_ready` on each connection, which Celery does on the first alone, and calls `lost` where one ends."""

    class EachConnection(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.connection:Connection",)

        def start(self, consumer: Any) -> None:
            consumer.init_callback = consumer.controller.on_consumer_ready

        def stop(self, consumer: Any) -> None:
            lost()

    return EachConnection


def _define(app: Celery, plan: NodePlan, report: Callable[..., None]) -> None:
    @app.task(name=TASK, bind=True, ignore_result=False)
    def work(self: Any) -> str:
        time.sleep(plan.work_ms / 1000)
        if _rejected(self.request) < plan.tries:
            report("rejected", self.request.id)
            raise Reject("tried later", requeue=False)
        report("done", self.request.id)
        return plan.name

    app.finalize()


def _rejected(request: Any) -> int:
    """How often the message was rejected before, as the broker counted."""
    deaths = request.get("x-death") or (request.get("headers") or {}).get("x-death") or []
    return sum(int(death["count"]) for death in deaths if death.get("reason") == "rejected")
