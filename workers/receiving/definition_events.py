"""What RabbitMQ's event exchange publishes (plugin rabbitmq_event_exchange): which virtual host an event names, and who did it. Pure.

The bodies are empty; everything is in the headers. https://www.rabbitmq.com/docs/event-exchange
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brokers.stats import Actor

DEFINITION_KEYS = ("queue.#", "exchange.#", "binding.#", "policy.#", "vhost.#", "parameter.#")
"""What changes definitions. Connections, channels and consumers come far more often, and name nothing that is not counted anyway."""
USER_KEYS = ("user.created", "user.deleted", "user.tags.set", "permission.#", "topic.permission.#")
"""What changes users, and nothing that is read of a virtual host; their logins, which are most of `user.#`, are left out."""
KEYS = (*DEFINITION_KEYS, *USER_KEYS)
_DONE = {"created": "added", "deleted": "gone", "set": "set", "cleared": "gone"}
_NAMED = {"queue": "name", "exchange": "name", "policy": "name", "vhost": "name", "user": "name", "permission": "user"}
LONGEST_NAME = 600


def named_vhost(routing_key: str, headers: Mapping[str, Any], queue: str) -> str | None:
    """The virtual host whose definitions changed; None if any may have: virtual hosts themselves, global parameters, and the binding of our own `queue`, since
    it was not there before.

    >>> named_vhost("binding.created", {"vhost": "shop", "destination_name": "mail"}, "hareline.1.definitions"), named_vhost("vhost.created", {}, "")
    ('shop', None)
    """
    vhost = headers.get("vhost")
    is_ours = routing_key.startswith("binding.") and headers.get("destination_name") == queue
    return vhost if isinstance(vhost, str) and vhost and not is_ours and not routing_key.startswith("vhost.") else None


def is_of_users(routing_key: str) -> bool:
    """
    >>> is_of_users("topic.permission.created"), is_of_users("queue.created")
    (True, False)
    """
    return routing_key.startswith(("user.", "permission.", "topic.permission."))


def actor(routing_key: str, headers: Mapping[str, Any]) -> Actor | None:
    """Who did what to which object, named as in the list of changes; None where the event does not say.

    >>> actor("policy.set", {"vhost": "shop", "name": "limits", "user_who_performed_action": "ann"})
    Actor(kind='policy', what='set', vhost='shop', name='limits', who='ann')
    >>> actor("queue.deleted", {"vhost": "shop", "name": "mail"}) is None
    True
    """
    *kinds, done = routing_key.removeprefix("topic.").split(".")
    kind, who = kinds[0] if kinds else "", headers.get("user_who_performed_action")
    what = "set" if kind == "permission" and done == "created" else _DONE.get(done)
    if what is None or not isinstance(who, str) or not who:
        return None
    if kind == "binding":
        ends = [headers.get(f"{end}_name") for end in ("source", "destination")]
        name = " → ".join(str(end) for end in ends) if None not in ends else None
    else:
        name = headers.get(_NAMED.get(kind, ""))
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        return None
    vhost = name if kind == "vhost" else "" if kind == "user" else str(headers.get("vhost") or "")
    return Actor(kind, what, vhost, name, who)
