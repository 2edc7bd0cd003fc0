"""A private bus, for one user or for a simulated bench, with its own lagerd."""
