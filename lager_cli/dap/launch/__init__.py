"""Starts scripts for an editor."""
