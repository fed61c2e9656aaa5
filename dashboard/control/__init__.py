"""Changing worker nodes: the forms, the confirmation, the order and what came of it."""
