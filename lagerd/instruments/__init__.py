"""com.lager.Instruments: the table of leases, their lock files, and the interface on the bus."""
