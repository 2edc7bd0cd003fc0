"""Inspects live frames and objects without running the script's own code."""
