"""A script's one connection to lagerd."""
