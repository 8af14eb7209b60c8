"""Verbs of personalization, one module per noun."""
