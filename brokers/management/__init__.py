"""RabbitMQ's management HTTP API: requests, answers as typed facts, failures. Beside it, as Django wants them, the commands."""
