"""How a call looks on the wire: pure functions and values, no I/O and no clock."""
