"""Which statements of the specification the tests prove, and whether each such test can fail."""
