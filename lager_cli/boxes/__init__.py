"""Commands on a box, over one ssh connection."""
