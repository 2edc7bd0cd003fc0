"""The connections to instruments: what is sent, and how answers are read."""
