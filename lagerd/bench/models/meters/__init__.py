"""Simulated multimeters."""
