"""What is wrong: rules, rounds, and what becomes of findings."""
