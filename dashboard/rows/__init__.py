"""What pages and live patches show of one object: the same prepared words for both, so that they can't differ."""
