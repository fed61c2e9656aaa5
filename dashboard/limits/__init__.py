"""What one request, or one stranger, may cost: bytes of a body, lines of the log, requests at once."""
