"""Celery's events: received, understood, and made into the state of workers and tasks."""
