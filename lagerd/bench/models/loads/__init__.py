"""Simulated electronic loads."""
