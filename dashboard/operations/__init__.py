"""Hareline itself: health, readiness, its processes."""
