"""The messaging lab: patterns of messaging that run on real parts, in virtual hosts that Hareline makes and removes."""
