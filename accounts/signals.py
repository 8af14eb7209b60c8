"""What apps above accounts may join in on; sent inside the change's transaction, so a receiver's error undoes it."""

from django.dispatch import Signal

tenant_created = Signal()  # tenant, by: prepare what every organisation needs
lock_asked = Signal()  # membership: a receiver that answers True keeps the account from being locked (UC-69)
signed_in = Signal()  # membership: somebody signed in, or proved an address, in the tenant's context
