"""Simulated power supplies."""
