"""The contract's operations, one service call each."""
