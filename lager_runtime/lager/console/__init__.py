"""The console inside the paused process."""
