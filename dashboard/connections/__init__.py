"""Connections: the list, one connection's page with its channels, and the same over HTTP."""
