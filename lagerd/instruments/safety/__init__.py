"""Sets the safe state of instruments, after a crash and for `lager off`."""
