"""The way back: everything that reaches a queue, each way with a message that was routed to see it arrive."""
