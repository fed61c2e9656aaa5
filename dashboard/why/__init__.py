"""Explains where a message or a task goes: combines stored state with the rules of `brokers.routing` and `workers.destinations`."""
