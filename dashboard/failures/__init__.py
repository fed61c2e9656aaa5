"""Failures in groups of one kind: a list, a page each with a traceback and who is on it, and the call."""
