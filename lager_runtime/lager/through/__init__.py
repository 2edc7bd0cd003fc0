"""What others ask for through the instruments of a paused script."""
