"""The path prefix of HARELINE_PUBLIC_URL (`/hareline`), whether the proxy keeps it or takes it away. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def without(prefix: str, path: str) -> str:
    """The path inside Hareline. Only whole segments count: `/harelines/` does not begin with `/hareline`.

    >>> without("/hareline", "/hareline/queues/"), without("/hareline", "/queues/"), without("/hareline", "/harelines/")
    ('/queues/', '/queues/', '/harelines/')
    """
    return path.removeprefix(prefix) if path == prefix or path.startswith(f"{prefix}/") else path


def under_prefix(application: Application, prefix: str) -> Application:
    """The ASGI application with one form of paths, whatever the proxy does: whole ones for HTTP, as Django's FORCE_SCRIPT_NAME expects them (else
    redirects leave the prefix), and those inside Hareline for web sockets."""

    async def answered(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": prefix + without(prefix, scope["path"])}
        elif scope["type"] == "websocket":
            scope = {**scope, "path": without(prefix, scope["path"])}
        await application(scope, receive, send)

    return answered if prefix else application
