"""Where wire, scheduler and network meet: the path of a call."""
