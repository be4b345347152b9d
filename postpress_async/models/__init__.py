"""What the API says, as frozen structs."""
