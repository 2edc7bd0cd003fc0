"""What a paused script lends to other processes."""
