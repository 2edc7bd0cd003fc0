"""Simulated relays, coils and switched ports."""
