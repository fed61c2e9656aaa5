"""Reads messages and tasks given as JSON: the format, how it was published, and its content.

Pure. The formats are those of RabbitMQ's management API (`POST queues/…/get`) and tracing plugin, of kombu (kombu/transport/virtual/base.py), of Celery's
messages (celery/app/amqp.py), events and `inspect`, and of Hareline's own questions. Input is only ever decoded as JSON.
"""

from dashboard.why.message_formats.content import ParsedMessage, UnknownFormat, sent_task
from dashboard.why.message_formats.reading import read

__all__ = ["ParsedMessage", "UnknownFormat", "read", "sent_task"]
