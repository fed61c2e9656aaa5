"""The HTTP API: its resources, who may call, how it fails, and its description at openapi.json (no page loads anything from elsewhere)."""

from __future__ import annotations

from ninja import NinjaAPI

from dashboard.again import api as again
from dashboard.api import errors
from dashboard.api.auth import Session, Token
from dashboard.arrangements import api as arrangements
from dashboard.audit import api as audit
from dashboard.capacity import api as capacity
from dashboard.changes import api as changes
from dashboard.changes import marks_api
from dashboard.comparison import api as comparison
from dashboard.connections import api as connections
from dashboard.control import api as control
from dashboard.exchanges import api as exchanges
from dashboard.failures import api as failures
from dashboard.findings import api as findings
from dashboard.flows import api as flows
from dashboard.lab import api as lab
from dashboard.layout import history_api
from dashboard.map import api as whole_map
from dashboard.operations import about_api
from dashboard.overview import api as brokers
from dashboard.periodic import api as periodic
from dashboard.queues import api as queues
from dashboard.queues import peek_api, snapshots_api
from dashboard.revoke import api as revoke
from dashboard.send import api as send
from dashboard.statistics import api as statistics
from dashboard.tasks import api as tasks
from dashboard.why import api as routing
from dashboard.why import reach_api
from dashboard.workers import api as workers
from dashboard.workers import lost_api

api = NinjaAPI(
    title="Hareline",
    version="1",
    description="RabbitMQ and Celery as Hareline sees them. Unknown is null; times are ISO 8601, UTC; names travel in the query.",
    docs_url=None,
    openapi_url="/openapi.json",
    auth=[Token(), Session()],
    urls_namespace="api",
)
errors.register(api)
RESOURCES = (brokers, queues, exchanges, connections, workers, control, tasks, failures, flows,
    findings, send, revoke, again, peek_api, routing, reach_api, history_api, about_api, audit, capacity, periodic, lost_api, statistics,
    marks_api, changes, comparison, snapshots_api, whole_map, arrangements, lab)  # fmt: skip
for resource in RESOURCES:
    api.add_router("", resource.router)
