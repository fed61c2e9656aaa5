"""The words that AMQP, RabbitMQ and Celery use and people stumble over, each in a sentence. Pure."""

from __future__ import annotations

TERMS: dict[str, str] = {
    "alternate exchange": "The exchange that gets what another exchange could route nowhere.",
    "binding": "A rule that takes messages from an exchange to a queue or to another exchange.",
    "broker": "The RabbitMQ server, one node or a cluster, that takes messages from producers and hands them to consumers.",
    "concurrency": "How many tasks a worker node can run at the same time: its processes, threads or greenlets.",
    "consumer": "A program's subscription to one queue; the broker pushes messages to it.",
    "dead letter": "A message that expired, was rejected or did not fit its queue; it goes to the dead-letter exchange if the queue names one.",
    "depth": "All messages a queue holds: ready and unacknowledged together.",
    "ETA": "The moment before which a task must not start; the worker node that took it holds it until then.",
    "exchange": "Where producers publish. It keeps nothing: it routes each message to queues by its bindings.",
    "policy": "Settings that the broker applies to all queues or exchanges whose name matches a pattern.",
    "pool": "How a worker node runs tasks: in processes (prefork), threads, greenlets (gevent, eventlet) or in itself (solo).",
    "prefetch": "How many messages a consumer may hold before it acknowledges one.",
    "producer": "A program that publishes messages to an exchange.",
    "queue": "Where messages wait until a consumer takes them.",
    "ready": "Messages that wait in a queue and have not been handed to a consumer.",
    "reserved": "Tasks that a worker node has taken from a queue but not started yet.",
    "root task": "The task that a program sent; tasks that it calls, and those they call, have it as their root.",
    "routing key": "The word or dotted words on a message that bindings are compared with.",
    "slot": "A place in a worker node where one task can run at a time.",
    "task": "A message that asks a worker node to run a function. What became of it is known by the events that worker nodes send.",
    "unacknowledged": "Messages that a consumer holds and has not confirmed yet; if it goes away they return to their queue.",
    "virtual host": "A separate space inside a broker, with its own queues, exchanges and permissions.",
    "worker node": "One running Celery worker, named like worker-a@web-1; it takes tasks from queues and runs them in its pool.",
}
