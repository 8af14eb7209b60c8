"""Verbs of licensing, one module per noun; every one that may give a seat locks the license group first (UM-46)."""
