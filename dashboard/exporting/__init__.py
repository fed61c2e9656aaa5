"""Figures for other systems: the text that Prometheus reads, and samples written to a store that keeps them for long."""
