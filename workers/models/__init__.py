"""What is stored about Celery: worker nodes, where events are received, tasks.

Written only by `workers.store`, read only by `workers.queries`. None means unknown.
"""

from workers.models.canvas import TaskCanvas
from workers.models.custom_events import TaskEvents
from workers.models.failures import FailedTask, FailureCursor, FailureEvent, FailureGroup, FailureHour, FailurePart
from workers.models.nodes import EventSource, Worker
from workers.models.reports import WorkerReport
from workers.models.statistics import CountedBatch, TaskStatistic, TaskTotal
from workers.models.tasks import Task, TaskCount

__all__ = [
    "CountedBatch",
    "EventSource",
    "FailedTask",
    "FailureCursor",
    "FailureEvent",
    "FailureGroup",
    "FailureHour",
    "FailurePart",
    "Task",
    "TaskCanvas",
    "TaskCount",
    "TaskEvents",
    "TaskStatistic",
    "TaskTotal",
    "Worker",
    "WorkerReport",
]
