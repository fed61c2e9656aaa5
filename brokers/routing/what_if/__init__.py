"""Changes to a topology that are only thought of: read, applied, compared with what is, and suggested."""
