"""The transport of D-Bus messages: their bytes, the socket to a broker, and the order in which they are served."""
