"""Drivers of electronic loads."""
