"""The commands that set up boxes, defaults, completion and notifications."""
