"""lagerd as a service of systemd: its log, and the socket that starts it."""
