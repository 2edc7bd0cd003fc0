"""Detached runs: start one, keep its output, follow it."""
