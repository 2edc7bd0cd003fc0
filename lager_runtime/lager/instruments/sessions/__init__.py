"""The connections to instruments: send requests and read answers."""
