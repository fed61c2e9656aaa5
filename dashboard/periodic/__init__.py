"""Periodic tasks: which there are, when each is due, and whether it ran."""
