"""Whether a user may publish to an exchange, if permissions are known.

Pure. Rules: write permission on the exchange's name (`amq.default` for the default one), then topic permissions; since RabbitMQ 4.0 every key
counts, before that only the routing key. An empty pattern permits nothing.
"""

from __future__ import annotations

from brokers.routing.refusals import Message, Refusal, all_keys
from brokers.routing.virtual_host import VirtualHostRouter


def permission_refusal(router: VirtualHostRouter, message: Message) -> Refusal | None:
    """ACCESS_REFUSED if the user's write permission doesn't cover the exchange's name; None also without a user or known permissions."""
    if router.rights is None or message.user is None:
        return None
    name = message.exchange or "amq.default"
    written = [right.write for right in router.rights if right.user == message.user and right.exchange is None]
    if any(_permits(router, pattern, name) for pattern in written):
        return None
    why = f"the write permission {written[0] or '(empty)'} does not cover the name" if written else "the user has no permissions in this virtual host"
    return Refusal("ACCESS_REFUSED", f"{message.user} may not write to exchange {name}: {why}.")


def topic_refusal(router: VirtualHostRouter, message: Message) -> Refusal | None:
    """ACCESS_REFUSED if the user has a topic permission for this exchange and a key that counts is not covered by it."""
    if router.rights is None or message.user is None:
        return None
    keys = all_keys(message) if router.version >= (4,) else [message.routing_key]
    for right in router.rights:
        if right.user == message.user and right.exchange == message.exchange:
            pattern = right.write.replace("{username}", message.user).replace("{vhost}", router.vhost)
            forbidden = next((key for key in keys if not _permits(router, pattern, key)), None)
            if forbidden is not None:
                return Refusal(
                    "ACCESS_REFUSED",
                    f"{message.user} may not write to topic {forbidden} of exchange {message.exchange}: its topic permission is {right.write}.",
                )
    return None


def _permits(router: VirtualHostRouter, pattern: str, name: str) -> bool:
    return router.patterns.found_in(pattern or "^$", name)


def unknown_permissions(router: VirtualHostRouter, message: Message) -> str:
    """The sentence that permissions were not checked; "" without a user or if they are known."""
    if message.user is None or router.rights is not None:
        return ""
    return f"Whether {message.user} may write there is unknown: {router.rights_unknown}."
