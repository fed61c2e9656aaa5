"""The messaging lab: its patterns and claims, its pages, and what it leaves in a broker."""
