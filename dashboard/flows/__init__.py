"""Workflows: all tasks of one root as one tree, with the chains, groups and chords in it as far as they are known."""
