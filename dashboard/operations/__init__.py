"""Hareline itself: health, readiness and metrics."""
