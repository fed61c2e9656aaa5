"""What is wrong now: rules look at what is stored, and what they find is kept from its beginning to its end."""
