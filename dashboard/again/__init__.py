"""Running tasks again: which can be, with what arguments, one after the other, and what came of it."""
