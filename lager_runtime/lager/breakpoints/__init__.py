"""The pause in the script's own process, and all its triggers."""
