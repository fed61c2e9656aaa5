"""The application that HARELINE_CELERY_APP names, among what is known of a task: it is asked before the worker nodes, and why it could not be is said."""

from __future__ import annotations

from functools import cache

import msgspec
from django.conf import settings

from dashboard.why.task_configuration import Known, Told
from workers.inspection.live_configuration import LiveConfiguration
from workers.user_app.client import AppUnavailable, UserApp


@cache
def application(path: str) -> UserApp:
    return UserApp(path)


def with_application(known: Known, task: str) -> Known:
    """What is known with the application's own settings first, if it is named and has this task."""
    if not settings.CELERY_APP:
        return known
    app = application(settings.CELERY_APP)
    try:
        told = app.told()
    except AppUnavailable as error:
        return msgspec.structs.replace(known, troubles=[*known.troubles, str(error)])
    if task not in told.tasks:
        return known
    live = LiveConfiguration(told.conf, {task: told.tasks[task]}, [])
    return msgspec.structs.replace(known, told=[Told("application", app.path, None, live, routers=told.routers), *known.told])
