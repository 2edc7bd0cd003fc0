"""One command on many boxes at a time."""
