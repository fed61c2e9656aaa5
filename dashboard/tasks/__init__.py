"""Tasks: the list, one task's page with its timeline, and the same over HTTP."""
