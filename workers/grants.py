"""The `rabbitmqctl` command that grants missing permissions. Pure.

`set_permissions` replaces what the user has in the virtual host. What it has can't be read without administrator rights, so the line is
for a user of Hareline's own, and the page says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from brokers.characters import shell_word
from workers.celery_names import DEFAULT, CeleryNames

OURS = r"hareline\."
OURS_PREFIX = "hareline."


def events_grant(user: str, vhost: str, names: CeleryNames = DEFAULT) -> str:
    """What receiving events needs: a queue of our own name, and read access to Celery's event exchanges.

    >>> events_grant("watch", "/")
    "rabbitmqctl set_permissions -p / watch '^hareline\\\\.' '^hareline\\\\.' '^(hareline\\\\.|celeryev$)'"
    """
    return _line(user, vhost, f"^{OURS}", f"^{OURS}", _ours_and(names.event_exchanges))


def inspection_grant(user: str, vhost: str, names: CeleryNames = DEFAULT) -> str:
    """What inspecting workers needs, receiving events included: write access to their control exchanges. We declare nothing there."""
    return _line(user, vhost, f"^{OURS}", _ours_and(names.pidboxes), _ours_and(names.event_exchanges))


def _ours_and(exchanges: Iterable[str]) -> str:
    others = "".join(f"|{re.escape(exchange)}$" for exchange in exchanges)
    return f"^({OURS}{others})"


def send_grant(user: str, vhost: str, exchange: str = "") -> str:
    """What sending tasks through an exchange ("" is the default one) and peeking at queues needs, everything above included.

    >>> send_grant("watch", "/", "shop.orders").split()[-2]
    "'^(hareline\\.|celery\\.pidbox$|celeryev$|amq\\.default$|shop\\.orders$)'"
    """
    also = f"|{re.escape(exchange)}$" if exchange else ""
    return _line(user, vhost, f"^{OURS}", rf"^({OURS}|celery\.pidbox$|celeryev$|amq\.default${also})", ".*")


def _line(user: str, vhost: str, configure: str, write: str, read: str) -> str:
    return " ".join(["rabbitmqctl set_permissions -p", *map(shell_word, (vhost, user, configure, write, read))])
