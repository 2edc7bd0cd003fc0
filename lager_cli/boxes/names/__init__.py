"""The names that --box accepts: the tables of boxes and groups, and the import of them."""
