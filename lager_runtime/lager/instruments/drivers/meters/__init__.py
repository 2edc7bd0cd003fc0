"""Drivers of multimeters."""
