"""What the commands of the outbox share."""
