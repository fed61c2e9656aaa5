"""Arrangement, drain time and load of queues and worker nodes."""
