"""Images on a Redis or Valkey server."""
