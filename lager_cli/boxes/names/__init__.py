"""What a --box may name: the tables of boxes and groups, and where they can be imported from."""
