"""The `rabbitmqctl` line that would permit what is missing. Pure.

`set_permissions` replaces what the user has in the virtual host. What it has can't be read without administrator rights, so the line is
for a user of Hareline's own, and its words say so.
"""

from __future__ import annotations

from shlex import quote

OURS = r"hareline\."


def events_grant(user: str, vhost: str) -> str:
    """What hearing events needs: a queue of our own name, and reading Celery's event exchange.

    >>> events_grant("watch", "/")
    "rabbitmqctl set_permissions -p / watch '^hareline\\\\.' '^hareline\\\\.' '^(hareline\\\\.|celeryev$)'"
    """
    return _line(user, vhost, f"^{OURS}", f"^{OURS}", rf"^({OURS}|celeryev$)")


def asking_grant(user: str, vhost: str) -> str:
    """What asking workers needs, hearing events included: writing to their control exchange. Nothing there is declared by us."""
    return _line(user, vhost, f"^{OURS}", rf"^({OURS}|celery\.pidbox$)", rf"^({OURS}|celeryev$)")


def _line(user: str, vhost: str, configure: str, write: str, read: str) -> str:
    return " ".join(["rabbitmqctl set_permissions -p", *map(quote, (vhost, user, configure, write, read))])
