"""Django's backend for PostgreSQL, with columns that hold what those of SQLite hold. Named by `ENGINE` in the settings."""
