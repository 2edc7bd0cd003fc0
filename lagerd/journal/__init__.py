"""The audit log: events and their records in the journal."""
