"""Drivers of relays, coils and switched ports."""
