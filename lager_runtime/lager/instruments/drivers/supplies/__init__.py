"""Drivers of power supplies."""
