"""The simulated instruments, one module for each model."""
