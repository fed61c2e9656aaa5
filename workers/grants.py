"""The `rabbitmqctl` command that grants missing permissions. Pure.

`set_permissions` replaces what the user has in the virtual host. What it has can't be read without administrator rights, so the line is
for a user of Hareline's own, and the page says so.
"""

from __future__ import annotations

from brokers.characters import shell_word

OURS = r"hareline\."


def events_grant(user: str, vhost: str) -> str:
    """What receiving events needs: a queue of our own name, and read access to Celery's event exchange.

    >>> events_grant("watch", "/")
    "rabbitmqctl set_permissions -p / watch '^hareline\\\\.' '^hareline\\\\.' '^(hareline\\\\.|celeryev$)'"
    """
    return _line(user, vhost, f"^{OURS}", f"^{OURS}", rf"^({OURS}|celeryev$)")


def inspection_grant(user: str, vhost: str) -> str:
    """What inspecting workers needs, receiving events included: write access to their control exchange. We declare nothing there."""
    return _line(user, vhost, f"^{OURS}", rf"^({OURS}|celery\.pidbox$)", rf"^({OURS}|celeryev$)")


def _line(user: str, vhost: str, configure: str, write: str, read: str) -> str:
    return " ".join(["rabbitmqctl set_permissions -p", *map(shell_word, (vhost, user, configure, write, read))])
