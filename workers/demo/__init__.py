"""A small shop for script/demo: its exchanges and queues (definitions.json), its Celery app and tasks, its workers and its traffic."""
