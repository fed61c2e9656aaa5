"""The map: its graph, what of it is shown, and its page."""
