"""The routers of the user's code: found by name among those that were handed over, and called so that each answer is noted.

Nothing is imported by name: a text like "proj.routing.by_name", which Celery would import, is never followed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from workers.destinations.routers import Raised, router_name
from workers.destinations.terms import Router


class RouterUnavailable(BaseException):
    """A router of the user's code could not be called; `str()` is a sentence. No Exception: what catches those that a router raises lets this one pass."""


def find_router(router: Any, routers: Mapping[str, Any]) -> Any:
    """The object of the user's file that a `$router`, or a text like "routers.by_name", names; None if it isn't there."""
    name = router_name(router)
    if isinstance(router, Router):
        return routers.get(name)
    module, _, attribute = name.replace(":", ".").rpartition(".")
    found = routers.get(attribute) if module == "routers" else None
    return found() if isinstance(found, type) and hasattr(found, "route_for_task") else found


def silent(*_: Any, **__: Any) -> None:
    """Stands for a router whose code is not here: no opinion."""


def noting(router: Any, note: Callable[[Any], None]) -> Any:
    """The router (a function, or an object of the form before Celery 4), which notes what it answers or raises."""

    def recorded(call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            try:
                answer = call(*args, **kwargs)
            except Exception as error:
                note(Raised(f"{type(error).__name__}: {error}"))
                raise
            note(answer)
            return answer

        return noted

    if hasattr(router, "route_for_task"):
        return SimpleNamespace(route_for_task=recorded(router.route_for_task))
    return recorded(router)
