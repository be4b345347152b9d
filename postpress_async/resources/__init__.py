"""What you can ask: one class a namespace, one method an endpoint."""
