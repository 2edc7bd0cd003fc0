"""What a bench script imports."""
