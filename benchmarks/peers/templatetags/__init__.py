"""Filters of the Django templates beside the product's."""
