"""Pages of personalization, one module per noun."""
