"""RabbitMQ's management HTTP API: requests, answers as typed facts, failures. Beside it, where Django looks for them, the commands."""
