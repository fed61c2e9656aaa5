"""The finder: queues, exchanges and worker nodes by a part of their name, tasks by their id."""
