"""Nodes and queues together: which node consumes which queue, and how long the queues last at their rates."""
