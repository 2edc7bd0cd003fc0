"""Readings of the nets of the bench, by a short reading or through the pause of the holder."""
