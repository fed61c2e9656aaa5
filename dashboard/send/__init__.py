"""Sending a test task: the form, its prediction, the sending, and the task followed to its end."""
