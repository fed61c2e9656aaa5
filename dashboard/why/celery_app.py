"""Adds the application of HARELINE_CELERY_APP to what is known of a task: it takes precedence over workers; if it can't be loaded, the reason is added."""

from __future__ import annotations

import msgspec
from django.conf import settings

from dashboard.why.task_configuration import Configuration, KnownTask
from workers.inspection.live_configuration import LiveConfiguration
from workers.user_app.client import AppUnavailable, application


def with_application(known: KnownTask, task: str) -> KnownTask:
    """What is known, with the application's own settings first if it is configured and has this task."""
    if not settings.CELERY_APP:
        return known
    app = application(settings.CELERY_APP)
    try:
        reported = app.report()
    except AppUnavailable as error:
        return msgspec.structs.replace(known, troubles=[*known.troubles, str(error)])
    if task not in reported.tasks:
        return known
    live = LiveConfiguration(reported.conf, {task: reported.tasks[task]}, [])
    return msgspec.structs.replace(known, configurations=[Configuration("application", app.path, None, live, routers=reported.routers), *known.configurations])
