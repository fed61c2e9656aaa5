"""Orders to worker nodes: what changes them by remote control, and what they answer."""
