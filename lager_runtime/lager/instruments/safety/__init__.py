"""The safety of outputs: the safe state, the end of the process, keepalive and watchdog."""
