"""A bus of its own, for one user or for a simulated bench, and a lagerd on it."""
