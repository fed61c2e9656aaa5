"""History: how far back it goes, and links to its moments."""
