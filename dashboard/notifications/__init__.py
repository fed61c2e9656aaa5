"""Who is notified of findings: targets, which findings go where and when, and the messages until they are delivered."""
