"""The commands about runs, and what happened in them."""
