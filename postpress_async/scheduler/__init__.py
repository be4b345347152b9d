"""When a call may go: knows accounts, actions and time, and neither HTTP nor providers."""
