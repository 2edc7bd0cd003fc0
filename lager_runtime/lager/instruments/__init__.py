"""Opens nets: claims the lease, connects the session, creates the driver."""
