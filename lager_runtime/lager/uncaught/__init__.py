"""Decides whether anything will catch an exception that has just been raised."""
