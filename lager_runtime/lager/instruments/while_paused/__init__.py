"""What is done with the instruments of a process while scripts are paused."""
