"""D-Bus messages as bytes, over the socket to a broker, and in which order."""
