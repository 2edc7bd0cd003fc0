"""Files to and from a box."""
