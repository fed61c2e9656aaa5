"""People, what they did and what they keep; findings, who looks after them, and who is notified.

Written only by `dashboard.store`, read only by `dashboard.queries`.
"""

from dashboard.models.findings import FeedToken, Finding, FindingEvent, FindingRound, RuleSetting, Silence
from dashboard.models.lab import LabExperiment
from dashboard.models.marks import Mark
from dashboard.models.notifications import Delivery, DeliveryItem, Notice, Target
from dashboard.models.people import ApiToken, AuditEvent, AuditHead, CacheEntry, Granted, Invitation, LoginDelay, Role, User
from dashboard.models.remote_write import RemoteWrite
from dashboard.models.runs_again import NOT_RUN_AGAIN, RunAgain, RunAgainBatch
from dashboard.models.task_views import TaskView

__all__ = [
    "NOT_RUN_AGAIN",
    "ApiToken",
    "AuditEvent",
    "AuditHead",
    "CacheEntry",
    "Delivery",
    "DeliveryItem",
    "FeedToken",
    "Finding",
    "FindingEvent",
    "FindingRound",
    "Granted",
    "Invitation",
    "LabExperiment",
    "LoginDelay",
    "Mark",
    "Notice",
    "RemoteWrite",
    "Role",
    "RuleSetting",
    "RunAgain",
    "RunAgainBatch",
    "Silence",
    "Target",
    "TaskView",
    "User",
]
