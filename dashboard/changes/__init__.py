"""What changed in brokers, worker nodes and Hareline itself, and the moments that people mark."""
