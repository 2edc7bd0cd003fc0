"""A command on a box, over one ssh."""
