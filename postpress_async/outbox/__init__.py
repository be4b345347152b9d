"""Sends that survive: kept before they go, never sent twice, and looked for when in doubt."""
