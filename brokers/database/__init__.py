"""The database engines: SQLite, and PostgreSQL with the same rows. Whatever SQL differs between them is in `engine`."""
