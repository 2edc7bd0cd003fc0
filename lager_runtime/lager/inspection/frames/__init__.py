"""Stacks, threads and tracebacks of the script."""
