"""Inspects values and names of the script without running its code."""
