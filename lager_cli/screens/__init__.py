"""What the live screens show, as lines; and a full screen that scrolls them."""
