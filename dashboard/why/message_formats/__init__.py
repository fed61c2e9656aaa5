"""A message or a task that somebody pasted as JSON: which of the known forms it has, how it was published, and what it tells of itself.

Pure. The forms come from RabbitMQ's management API (`POST queues/…/get`) and its tracing plugin, from kombu (kombu/transport/virtual/base.py), from Celery's
messages (celery/app/amqp.py), its events and `inspect`, and from Hareline's own questions. Nothing pasted is ever loaded but as JSON.
"""

from dashboard.why.message_formats.content import NotUnderstood, Pasted, sent_task
from dashboard.why.message_formats.reading import read

__all__ = ["NotUnderstood", "Pasted", "read", "sent_task"]
