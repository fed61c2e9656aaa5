"""Hypothetical changes to a topology: read, applied, compared with the current answer, and suggested."""
