"""Pages that are only there in the demo."""
