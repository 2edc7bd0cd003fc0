"""The daemon behind a pause: the bus names, the timers, the leases."""
