"""The peers that figures stand beside. Nothing here is part of the product: its settings do not know this package."""
