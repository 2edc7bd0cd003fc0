"""lagerd: the daemon that owns the bus names, keeps the timers of pauses and grants leases on instruments."""
