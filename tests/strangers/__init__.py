"""Drivers of other projects, which check the simulated instruments."""
