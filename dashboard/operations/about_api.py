"""`GET about`: the installation itself."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from brokers.queries.one_moment import one_moment
from dashboard.api.errors import ERRORS
from dashboard.api.parameters import Moment, scope
from dashboard.operations.about import gathered

router = Router(tags=["about"])


class ProcessItem(Schema):
    kind: Literal["web", "poller", "receiver", "maintenance"]
    host: str = Field(description="The machine; empty if it is not known")
    number: str = Field(description="The process number there")
    state: Literal["working", "standby", "ended", "replaced", "gone"] = Field(
        description="ended: in good order; replaced: it died, and another one was started since; gone: it died, and none was"
    )
    version: str | None
    started_at: Moment | None
    heartbeat_at: Moment
    ended_at: Moment | None
    holds: list[str] = Field(description="Names of leases")
    problem: str = Field(description="Why it lives but does not do its work; empty if it does")
    memory_bytes: int | None
    data_free_bytes: int | None = Field(description="Free where its data directory is")
    sockets: int | None = Field(description="Open pages, of a web process")


class VersionItem(Schema):
    name: str
    version: str
    where: str
    at: Moment | None


class LagItem(Schema):
    what: str
    seconds: float | None = Field(description="Since `at`; null: never")
    at: Moment | None
    every_seconds: float | None = Field(description="How often it is due, where that is known")
    source: str


class LeaseItem(Schema):
    name: str
    holder: str
    since: Moment | None
    expires_at: Moment


class DatabaseItem(Schema):
    engine: Literal["SQLite", "PostgreSQL"]
    version: str
    size_bytes: int
    log_bytes: int | None = Field(description="The write-ahead log beside the file, of SQLite")
    free_bytes: int | None = Field(description="Unused inside the file, of SQLite")


class TableItem(Schema):
    table: str
    partition: str
    size_bytes: int


class TierItem(Schema):
    step_seconds: int = Field(description="5: each poll")
    since: Moment
    will_reach_seconds: float | None = Field(description="How far back it will reach once it has grown for long enough; null: not known yet")
    size_bytes: float


class RetentionItem(Schema):
    variable: str
    value: float


class AboutItem(Schema):
    at: Moment
    installation: str
    problems: list[str]
    notes: list[str]
    processes: list[ProcessItem]
    versions: list[VersionItem]
    lags: list[LagItem]
    leases: list[LeaseItem]
    database: DatabaseItem
    tables: list[TableItem] = Field(description="The largest first")
    tables_at: Moment | None
    history: list[TierItem] = Field(description="The tiers of history, of all brokers together; the finest first")
    history_at: Moment | None = Field(description="When they were measured")
    retention: list[RetentionItem]


@router.get("about", response={200: AboutItem, **ERRORS}, summary="The installation: processes, versions, lags, leases, sizes")
@one_moment()
def about(request: HttpRequest) -> Any:
    found = gathered(scope(request), timezone.now())
    return {"at": found.now, **{name: getattr(found, name) for name in AboutItem.model_fields if name != "at"}}
