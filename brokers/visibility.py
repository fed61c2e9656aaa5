"""What Hareline's user cannot see at a broker, with the command that would grant it.

Pure. RabbitMQ returns 200 and an empty list for a virtual host without permissions. Since every virtual host has a default exchange, one that
lists no exchange is not visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from brokers.characters import shell_word
from brokers.parts import Unread
from brokers.stats import VisibilityLimit

NO_TAG = "it has no tag"
WITHOUT_MONITORING = "nodes, connections and channels of others, and virtual hosts without permissions"
EVERYTHING_IN_IT = "its queues, exchanges and bindings"
STATISTICS_OFF = VisibilityLimit(
    None,
    "rates, consumers and channels",
    "the broker's management statistics are off: rabbitmq.conf has management.disable_stats or management_agent.disable_metrics_collector",
    "management.disable_stats = false and management_agent.disable_metrics_collector = false  # in rabbitmq.conf, then restart the node",
)


def hidden_vhost(vhost: str, user: str) -> VisibilityLimit:
    """A virtual host without permissions; empty permissions are enough to view it.

    >>> hidden_vhost("a b", "eve").grant
    "rabbitmqctl set_permissions -p 'a b' eve '' '' ''"
    """
    grant = f"rabbitmqctl set_permissions -p {shell_word(vhost)} {shell_word(user)} '' '' ''"
    return VisibilityLimit(vhost, EVERYTHING_IN_IT, f"the user {user!r} has no permissions in the virtual host {vhost!r}", grant)


def no_monitoring(user: str, tags: Iterable[str] | None) -> VisibilityLimit:
    """The limit of a user without the monitoring tag: no nodes, only its own connections, only virtual hosts with permissions.

    >>> no_monitoring("eve", ["management"]).grant
    'rabbitmqctl set_user_tags eve management monitoring'
    """
    if tags is None:  # set_user_tags replaces all tags
        kept, first = "<its tags> monitoring", "rabbitmqctl list_users  # shows its current tags, to keep them; then: "
    else:
        kept, first = " ".join(shell_word(tag) for tag in (*(tag for tag in tags if tag != "monitoring"), "monitoring")), ""
    grant = f"{first}rabbitmqctl set_user_tags {shell_word(user)} {kept}"
    return VisibilityLimit(None, WITHOUT_MONITORING, f"the user {user!r} lacks the monitoring tag", grant)


def refusal(user: str, status: int, reason: str) -> str:
    """A clause on a request that the broker refused, with what its reason means. `reason` is in brackets, or "".

    >>> refusal("eve", 401, "(Not management user)")
    "the broker refuses the user 'eve': 401 (Not management user): it has no tag; rabbitmqctl set_user_tags eve monitoring gives it one"
    """
    said, meaning = reason.lower(), ""
    if "not management user" in said:
        meaning = f": {NO_TAG}; rabbitmqctl set_user_tags {shell_word(user)} monitoring gives it one"
    elif "localhost" in said:
        meaning = ": it may log in on the broker's own machine only, as guest by default; make a user for Hareline"
    elif "login failed" in said:
        meaning = ": the password is wrong, or there is no such user"
    return f"the broker refuses the user {user!r}: {status} {reason}".rstrip() + meaning


def refused(what: str, user: str, tags: Iterable[str] | None) -> VisibilityLimit:
    """A list that the broker refuses to this user."""
    return VisibilityLimit(None, what, f"the broker does not permit the user {user!r} to list them", no_monitoring(user, tags).grant)


def unread(parts: Mapping[str, Unread]) -> list[VisibilityLimit]:
    """The parts that the poll could not read, by name."""
    return [VisibilityLimit(None, part, unread.reason, part=part, since=unread.since) for part, unread in sorted(parts.items())]
