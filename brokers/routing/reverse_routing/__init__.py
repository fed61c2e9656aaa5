"""Reverse routing: every path to a queue, each with an example message that was tested by routing it."""
