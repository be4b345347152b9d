"""Where counts are kept: the only home of databases, and of the URLs that name them."""
