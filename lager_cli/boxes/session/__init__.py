"""One session on a box: the two ends, the connection between them, and what happens when it is lost."""
