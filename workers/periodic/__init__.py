"""Periodic tasks: what a schedule of Celery beat says, when each is due, and which runs were seen. Pure."""
