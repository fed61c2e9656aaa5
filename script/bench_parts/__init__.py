"""What `script/bench` runs: one module a part, each a program that prints its rows as JSON. See `__main__`."""
