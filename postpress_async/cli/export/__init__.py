"""Exports of messages, that go on where they stood."""
