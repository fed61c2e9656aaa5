"""Who may do what where: every door of the site, tried by every role."""
