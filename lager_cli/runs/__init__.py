"""Runs of scripts: start, wait, detach, reattach, end."""
