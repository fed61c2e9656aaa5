"""What our user may not see at a broker, said with the command that would grant it.

Pure. RabbitMQ answers 200 and an empty list for a virtual host without permissions; but each virtual host has its default exchange, so one
that lists no exchange is one that we can't look into.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from brokers.parts import Failure
from brokers.stats import LimitToSight

EVERYTHING_IN_IT = "everything in this virtual host"
STATISTICS_OFF = LimitToSight(
    None,
    "rates, consumers and channels",
    "the broker's management statistics are off",
    "management_agent.disable_metrics_collector = false  # in rabbitmq.conf, then restart the node",
)


def hidden_vhost(vhost: str, user: str) -> LimitToSight:
    """A virtual host without permissions; empty permissions are enough to look.

    >>> hidden_vhost("a b", "eve").grant
    "rabbitmqctl set_permissions -p 'a b' eve '' '' ''"
    """
    grant = f"rabbitmqctl set_permissions -p {shlex.quote(vhost)} {shlex.quote(user)} '' '' ''"
    return LimitToSight(vhost, EVERYTHING_IN_IT, f"the user {user!r} has no permissions in the virtual host {vhost!r}", grant)


def no_monitoring(user: str, tags: Iterable[str] | None) -> LimitToSight:
    """Without the monitoring tag: no nodes, only the own connections, only virtual hosts with permissions.

    >>> no_monitoring("eve", ["management"]).grant
    'rabbitmqctl set_user_tags eve management monitoring'
    """
    if tags is None:  # the command replaces them all
        kept, first = "<its tags> monitoring", "rabbitmqctl list_users  # shows its tags, which are to be kept; then: "
    else:
        kept, first = " ".join(shlex.quote(tag) for tag in (*(tag for tag in tags if tag != "monitoring"), "monitoring")), ""
    what = "nodes, connections and channels of others, and virtual hosts without permissions"
    return LimitToSight(None, what, f"the user {user!r} lacks the monitoring tag", f"{first}rabbitmqctl set_user_tags {shlex.quote(user)} {kept}")


def refused(what: str, user: str, tags: Iterable[str] | None) -> LimitToSight:
    """A list that the broker refuses although the user may look."""
    return LimitToSight(None, what, f"the broker refuses the user {user!r} to list them", no_monitoring(user, tags).grant)


def unread(failures: Mapping[str, Failure]) -> list[LimitToSight]:
    """The parts of the poll that can't be read, by name."""
    return [LimitToSight(None, part, failure.reason, part=part, since=failure.since) for part, failure in sorted(failures.items())]
