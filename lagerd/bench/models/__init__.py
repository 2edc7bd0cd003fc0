"""The simulated instruments, by kind as the drivers. `known` says which module simulates a model."""
