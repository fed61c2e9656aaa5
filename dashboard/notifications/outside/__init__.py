"""A program of its own, which makes one request to an address that a person entered: it gets none of Hareline's settings, and a limit of everything."""
