"""The only writer of what `dashboard.models` has: people and what they did, findings. Every function is one short transaction."""

from dashboard.store.finding_acts import add_silence, comment_on_finding, end_silence, release_finding, take_finding
from dashboard.store.findings import delete_old_findings, save_round
from dashboard.store.people import (
    ADMIN,
    DONE,
    ENVIRONMENT_TOKEN,
    FAILED,
    REFUSED,
    audit,
    ensure_admin,
    make_token,
    once,
    set_environment_token,
    touch_token,
    trim_audit,
    trim_cache,
)

__all__ = [
    "ADMIN",
    "DONE",
    "ENVIRONMENT_TOKEN",
    "FAILED",
    "REFUSED",
    "add_silence",
    "audit",
    "comment_on_finding",
    "delete_old_findings",
    "end_silence",
    "ensure_admin",
    "make_token",
    "once",
    "release_finding",
    "save_round",
    "set_environment_token",
    "take_finding",
    "touch_token",
    "trim_audit",
    "trim_cache",
]
