"""The user's end of a console."""
