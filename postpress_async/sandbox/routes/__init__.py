"""The endpoints of the fake service. `table` has them all on a page."""
