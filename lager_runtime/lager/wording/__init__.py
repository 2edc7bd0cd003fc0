"""Parses and formats text, numbers, changes and questions."""
