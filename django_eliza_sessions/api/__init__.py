"""The HTTP door: what the contract's operations look like on the wire."""
