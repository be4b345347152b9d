"""Async Python SDK for postpress."""
