"""The audit: events, and their records in the journal."""
