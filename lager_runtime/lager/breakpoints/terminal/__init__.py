"""The terminal of a paused script: what is printed there, and the Enter key."""
