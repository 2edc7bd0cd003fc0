"""lagerd: the daemon that owns the bus names, keeps the timers of pauses and leases the instruments."""
