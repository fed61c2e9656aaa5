"""Why each binding matched or did not, and which ones are near misses, by exchange type."""
