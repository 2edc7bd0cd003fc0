"""The commands about paused scripts."""
