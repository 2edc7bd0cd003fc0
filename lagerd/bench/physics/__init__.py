"""What flows on the simulated bench: circuits and batteries."""
