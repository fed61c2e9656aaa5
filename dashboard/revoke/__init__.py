"""Revoking and terminating tasks: what will happen to which, the order, and what came of it."""
