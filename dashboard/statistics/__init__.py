"""Statistics of tasks: counts, runtimes and waits by name and queue over a range of time."""
