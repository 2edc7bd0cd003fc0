"""Checks a nets file key by key, and collects every mistake instead of stopping at the first."""
