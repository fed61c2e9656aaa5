"""Queues: the list, one queue's page, its messages, and the same over HTTP."""
