"""The HTTP API: its resources, who may call, how it fails, and its description at openapi.json (no page loads anything from elsewhere)."""

from __future__ import annotations

from ninja import NinjaAPI

from dashboard.api import brokers, errors, exchanges, history, messages, queues, reach, routing, send, tasks, workers
from dashboard.api.auth import Session, Token

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
for resource in (brokers, queues, exchanges, workers, tasks, send, messages, routing, reach, history):
    api.add_router("", resource.router)
