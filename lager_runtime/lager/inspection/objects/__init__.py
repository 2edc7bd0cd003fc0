"""Values and names of the script, looked at without running its code."""
