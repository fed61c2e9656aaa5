"""Sending a test task through Celery itself."""
