"""The user's own Celery app (HARELINE_CELERY_APP), in a process of its own."""
