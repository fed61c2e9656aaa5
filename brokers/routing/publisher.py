"""Whether the property user_id fits the user who publishes, where that user is not given or may publish in another's name.

Pure. RabbitMQ refuses a user_id that is not the authenticated user's name, unless that user has the tag impersonator.
"""

from __future__ import annotations

from brokers.routing.refusals import Message
from brokers.routing.virtual_host import VirtualHostRouter


def publisher_uncertainty(router: VirtualHostRouter, message: Message) -> str:
    """A sentence if the answer depends on who publishes; "" if it doesn't."""
    named = message.properties.get("user_id")
    if named is None:
        return ""
    if message.publisher is None:
        return f'Whether the broker accepts the property user_id "{named}" is unknown: only {named} may publish it, and no publishing user is given.'
    if named != message.publisher and router.contents.impersonators is None:
        return f"A user with the tag impersonator may publish it; whether {message.publisher} has that tag is unknown."
    return ""
