"""The only writer of what `dashboard.models` has: people and what they did, findings, who is notified. Every function is one short transaction."""

from dashboard.store.audit import BEGUN, DONE, FAILED, REFUSED, UNCHANGED, audit, trim_audit
from dashboard.store.feeds import make_feed_token, revoke_feed_token, touch_feed_token
from dashboard.store.finding_acts import add_silence, comment_on_finding, end_silence, release_finding, take_finding
from dashboard.store.findings import close_of_other_brokers, delete_old_findings, save_round
from dashboard.store.invitations import INVITATION_LASTS, accept_invitation, invite, trim_invitations
from dashboard.store.login_delays import LoginTry, begin_login, end_login, notes_refusal, trim_login_delays, unlock
from dashboard.store.notifications import (
    begin_attempt,
    missed,
    pause_target,
    plan_digest,
    reached,
    remove_target,
    replace_secret,
    save_decisions,
    save_failure,
    save_sent,
    save_target,
    trim_deliveries,
)
from dashboard.store.people import (
    ADMIN,
    ENVIRONMENT_TOKEN,
    ensure_admin,
    make_token,
    once,
    set_environment_token,
    touch_token,
    trim_cache,
)
from dashboard.store.rule_settings import set_rule, unset_rule
from dashboard.store.second_factors import forget_second_factors
from dashboard.store.sessions import begin_session, end_other_sessions, end_session, touch_session, trim_sessions
from dashboard.store.task_views import MOST_TASK_VIEWS, keep_task_view, make_columns_usual, remove_task_view, rename_task_view, share_task_view
from dashboard.store.tokens import add_token, revoke_token

__all__ = [
    "ADMIN",
    "BEGUN",
    "DONE",
    "ENVIRONMENT_TOKEN",
    "FAILED",
    "INVITATION_LASTS",
    "MOST_TASK_VIEWS",
    "REFUSED",
    "UNCHANGED",
    "LoginTry",
    "accept_invitation",
    "add_silence",
    "add_token",
    "audit",
    "begin_attempt",
    "begin_login",
    "begin_session",
    "close_of_other_brokers",
    "comment_on_finding",
    "delete_old_findings",
    "end_login",
    "end_other_sessions",
    "end_session",
    "end_silence",
    "ensure_admin",
    "forget_second_factors",
    "invite",
    "keep_task_view",
    "make_columns_usual",
    "make_feed_token",
    "make_token",
    "missed",
    "notes_refusal",
    "once",
    "pause_target",
    "plan_digest",
    "reached",
    "release_finding",
    "remove_target",
    "remove_task_view",
    "rename_task_view",
    "replace_secret",
    "revoke_feed_token",
    "revoke_token",
    "save_decisions",
    "save_failure",
    "save_round",
    "save_sent",
    "save_target",
    "set_environment_token",
    "set_rule",
    "share_task_view",
    "take_finding",
    "touch_feed_token",
    "touch_session",
    "touch_token",
    "trim_audit",
    "trim_cache",
    "trim_deliveries",
    "trim_invitations",
    "trim_login_delays",
    "trim_sessions",
    "unlock",
    "unset_rule",
]
