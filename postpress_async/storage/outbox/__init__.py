"""Sends that survive: rows of items, attempts and workers, in SQLite or PostgreSQL."""
