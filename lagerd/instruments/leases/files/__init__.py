"""Leases and claims on the disk."""
