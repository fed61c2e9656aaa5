"""Polling a broker: what is requested when, how often, and by which process."""
