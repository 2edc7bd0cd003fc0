"""Opening a net: lease, session, driver."""
