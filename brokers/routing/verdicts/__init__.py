"""Why each binding matched or did not, in words, and how nearly: by exchange type."""
