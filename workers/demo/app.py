"""The Celery app of the demo shop. Where its broker is comes from HARELINE_DEMO_AMQP_URL, which script/demo sets."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from celery.schedules import crontab

from workers.demo import shop, taken_log

DATA_DIR = Path(os.environ.get("HARELINE_DATA_DIR", "var")).resolve()
RESULTS_DIR = DATA_DIR / "demo-results"
RESULTS_DIR.mkdir(parents=True, exist_ok=True)

app = Celery("shop", broker=shop.url(os.environ.get("HARELINE_DEMO_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/")), include=["workers.demo.tasks"])
app.conf.update(
    # Files: the simplest result backend that can do chords and needs no server
    result_backend=f"file://{RESULTS_DIR}",
    result_expires=600,
    task_ignore_result=True,
    task_queues=[shop.queue(name) for name in shop.CELERY_QUEUES],
    task_default_queue="search.index",
    task_default_exchange="shop.jobs",
    task_default_routing_key="search",
    task_routes={
        "thumbnails.make": {"queue": "thumbnails"},
        "thumbnails.convert": {"queue": "thumbnails.webp"},
        "reports.*": {"queue": "reports.nightly"},
        "celery.chord_unlock": {"queue": "reports.nightly"},
        "stock.*": {"queue": "stock.sync"},
        "search.*": {"queue": "search.index"},
    },
    beat_schedule={
        "refresh the search": {"task": "search.refresh", "schedule": 20.0},
        "compare the stock": {"task": "stock.compare", "schedule": 60.0, "args": ("north",)},
        "daily report": {"task": "reports.daily", "schedule": crontab(minute="*/5")},
        "archive orders": {"task": "orders.archive", "schedule": crontab(hour=3, minute=0, day_of_week="mon-fri")},
    },
    beat_max_loop_interval=5,
    task_track_started=True,
    task_send_sent_event=True,
    worker_send_task_events=True,
    worker_prefetch_multiplier=2,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_heartbeat=10,
)
taken_log.start()
