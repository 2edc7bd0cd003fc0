"""Simulated battery simulators."""
