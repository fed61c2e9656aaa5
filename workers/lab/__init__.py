"""The messaging lab: what its patterns are, the worker nodes and the publisher that run them, and what they measured."""
