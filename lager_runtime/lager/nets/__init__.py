"""What the nets file says. Opens no instrument."""
