"""Exchanges: the list, one exchange's page, and the same over HTTP."""
