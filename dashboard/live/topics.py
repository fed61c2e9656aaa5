"""Names of topics, "queues/1/%2F": what a page can subscribe to, and which rows belong there.

Pure. A topic's name carries the broker's primary key and the percent-quoted virtual host; a broker's own topic has no virtual host.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from urllib.parse import quote, unquote

import msgspec

from brokers.scope import EVERYTHING, Scope

BROKER, QUEUES, EXCHANGES, TOPOLOGY, WORKERS, TASKS = "broker", "queues", "exchanges", "topology", "workers", "tasks"
CONNECTIONS = "connections"
ROW_KINDS = {
    BROKER: ("broker", "node"),
    QUEUES: ("queue",),
    EXCHANGES: ("exchange",),
    TOPOLOGY: (),
    WORKERS: ("worker",),
    TASKS: ("task",),
    CONNECTIONS: ("connection",),
}
"""Which kinds of rows ("queue" of "queue-17") each kind of topic has."""

_NAME = re.compile(r"(broker)/([1-9][0-9]{0,17})|(queues|exchanges|topology|workers|tasks|connections)/([1-9][0-9]{0,17})/([^/]{1,2000})")
_KEY = re.compile(r"([a-z]+)-([1-9][0-9]{0,17})")


class Topic(msgspec.Struct, frozen=True):
    """`scope`: what its viewers may see of it; viewers of the same share its patches."""

    kind: str
    broker_id: int
    vhost: str | None = None
    scope: Scope = EVERYTHING

    @property
    def name(self) -> str:
        """What travels in frames.

        >>> Topic(QUEUES, 1, "/").name
        'queues/1/%2F'
        """
        return f"{self.kind}/{self.broker_id}" if self.vhost is None else f"{self.kind}/{self.broker_id}/{quote(self.vhost, safe='')}"

    @property
    def key(self) -> str:
        """What the hub and the tail know it by: its name, and another one for each scope.

        >>> Topic(QUEUES, 1, "/").key, Topic(BROKER, 1, scope=Scope(())).key.partition(" ")[0]
        ('queues/1/%2F', 'broker/1')
        """
        return self.name if self.scope == EVERYTHING else f"{self.name} {blake2b(msgspec.json.encode(self.scope), digest_size=16).hexdigest()}"


def name_of(key: str) -> str:
    """The topic's name, which is what travels, of its key."""
    return key.partition(" ")[0]


def parse(name: str) -> Topic | None:
    """The topic of that name; None if no topic is called so.

    >>> parse("broker/1"), parse("queues/1"), parse("queues/1/a%2Fb").vhost
    (Topic(kind='broker', broker_id=1, vhost=None), None, 'a/b')
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    broker, broker_id, kind, other_id, vhost = match.groups()
    return Topic(broker, int(broker_id)) if broker else Topic(kind, int(other_id), unquote(vhost))


def visible_to(scope: Scope, topic: Topic, broker: str) -> Topic | None:
    """The topic with as much of the scope as makes a difference to it, None for a topic of which nothing may be viewed. `broker`: the name of its broker.

    >>> visible_to(EVERYTHING, Topic(QUEUES, 1, "/"), "prod").key
    'queues/1/%2F'
    """
    if not scope.touches(broker, topic.vhost):
        return None
    whole = scope.covers(broker, topic.vhost)
    lists_tasks = topic.kind in (WORKERS, TASKS)
    if whole and (not lists_tasks or scope.shows_arguments(broker, topic.vhost or "")):
        return msgspec.structs.replace(topic, scope=EVERYTHING)
    places = None if whole else scope.places
    return msgspec.structs.replace(topic, scope=Scope(places, scope.arguments if lists_tasks else None))


def row_id(topic: Topic, key: str) -> tuple[str, int] | None:
    """Kind and primary key of a row that the topic may have; None for a key that belongs elsewhere or is no key.

    >>> row_id(Topic(QUEUES, 1, "/"), "queue-17"), row_id(Topic(QUEUES, 1, "/"), "worker-3")
    (('queue', 17), None)
    """
    match = _KEY.fullmatch(key)
    if match is None or match[1] not in ROW_KINDS[topic.kind]:
        return None
    return match[1], int(match[2])
