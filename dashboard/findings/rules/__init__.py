"""The rules, a module each. A rule that explains others looks before them.

Adding one: a module with the names of `dashboard.findings.rule.Rule`, a line here, its row in docs/findings.md, its tests in tests/findings.
"""

from dashboard.findings.rule import Rule
from dashboard.findings.rules import (
    broker_away,
    broker_flapping,
    broker_version,
    churn,
    client_leak,
    clock_skew,
    consumer_timeout,
    dead_letters,
    events_lost,
    events_off,
    events_unavailable,
    growing,
    no_consumer,
    node_down,
    notification_failing,
    oldest_message,
    own_process,
    own_storage,
    own_work,
    partition,
    periodic_missed,
    publishers_blocked,
    queue_named_twice,
    queue_unavailable,
    queues_unread,
    route_undeclared,
    route_unmatched,
    settings_differ,
    stale_binding,
    stuck,
    task_failures,
    transfer_down,
    unconsumed_route,
    unroutable,
    watched_twice,
    worker_gone,
)

RULES: tuple[Rule, ...] = (
    broker_away,
    watched_twice,
    broker_flapping,
    publishers_blocked,
    node_down,
    partition,
    queues_unread,
    queue_unavailable,
    events_unavailable,
    worker_gone,
    unconsumed_route,
    dead_letters,
    no_consumer,
    stuck,
    growing,
    oldest_message,
    consumer_timeout,
    unroutable,
    task_failures,
    periodic_missed,
    events_off,
    events_lost,
    clock_skew,
    transfer_down,
    client_leak,
    churn,
    stale_binding,
    queue_named_twice,
    route_unmatched,
    route_undeclared,
    settings_differ,
    broker_version,
)
"""Those that look at one broker."""

OWN_RULES: tuple[Rule, ...] = (own_process, own_work, own_storage, notification_failing)
"""Those that look at Hareline itself."""

ALL: dict[str, Rule] = {rule.KEY: rule for rule in (*RULES, *OWN_RULES)}
