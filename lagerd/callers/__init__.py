"""Who calls lagerd, how often, and what they may do."""
