"""Drivers of battery simulators."""
