"""The physics of the simulated bench: circuits and batteries."""
