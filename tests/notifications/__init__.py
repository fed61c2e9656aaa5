"""Who is notified of findings: which, when, and that each message arrives."""
