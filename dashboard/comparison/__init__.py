"""Two sides compared: what is added, missing and different, with depths and rates, and the balance of queues."""
