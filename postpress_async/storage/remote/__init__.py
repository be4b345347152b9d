"""Images on a server, for processes of many machines."""
