"""Problems that a person plants in the demo to see them found, explained and cured. Each is done by a process of the demo, and ends with it."""
