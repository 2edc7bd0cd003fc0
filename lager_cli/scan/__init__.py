"""Finds the instruments that answer, and writes them into the nets file."""
