"""Readings of the nets of the bench, by a look or through the pause of the holder."""
