"""Scripts that an editor starts."""
