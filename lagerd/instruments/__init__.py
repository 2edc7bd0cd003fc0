"""com.lager.Instruments: the table of leases, their lock files, and the D-Bus interface."""
