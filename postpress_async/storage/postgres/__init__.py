"""Counts in a PostgreSQL database."""
