"""A Django project of its own with django-celery-beat, whose periodic tasks are in a database that the test names."""

from __future__ import annotations

import os

import django
from celery import Celery
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django_celery_beat"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["TEST_BEAT_DATABASE"]}},
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()

app = Celery("beaten", broker=os.environ["TEST_CELERY_BROKER"])
app.conf.update(
    task_default_queue="jobs",
    task_send_sent_event=True,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    beat_max_loop_interval=1,
    beat_schedule={
        "steady": {"task": "steady", "schedule": 1.0, "args": (1,)},
        "other": {"task": "steady", "schedule": 2.0, "args": (2,), "options": {"queue": "jobs"}},
        "doubled": {"task": "doubled", "schedule": 2.0},
        "hourly": {"task": "hourly", "schedule": 3600.0},
    },
)


@app.task(name="steady")
def steady(number: int) -> int:
    return number


@app.task(name="doubled")
def doubled() -> None: ...


@app.task(name="hourly")
def hourly() -> None: ...


@app.task(name="paused")
def paused() -> None: ...


second = Celery("second", broker=os.environ["TEST_CELERY_BROKER"])
second.conf.update(task_default_queue="jobs", task_send_sent_event=True, beat_max_loop_interval=1)
second.conf.beat_schedule = {"doubled": {"task": "doubled", "schedule": 2.0}}
