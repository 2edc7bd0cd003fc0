"""Who holds which instrument: the table, the lock files, and what outlives a reboot."""
