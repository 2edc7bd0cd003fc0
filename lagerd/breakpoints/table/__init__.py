"""The table of pauses and its parts, which do not use the bus."""
