"""What drivers are made of."""
