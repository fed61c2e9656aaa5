"""Which workflow an address is about."""

from __future__ import annotations

from dashboard.flows.page import FlowPage
from dashboard.layout.frame import Shell
from workers import queries
from workers.errors import AmbiguousTask


def flow_page(shell: Shell, root: str) -> FlowPage | None:
    """The page of a root; without broker or virtual host in the address, where a task of that id is kept. None if that is nowhere, or in several places."""
    if not root or len(root) > 255:
        return None
    if shell.broker is not None and shell.vhost is not None:
        return FlowPage(shell.scope, shell.broker, shell.vhost, root, shell.now)
    try:
        task = queries.task(shell.scope, root, broker=shell.broker.name if shell.broker else None, vhost=shell.vhost)
    except AmbiguousTask:
        return None
    return FlowPage(shell.scope, task.broker, task.vhost, root, shell.now) if task is not None else None
