"""Messages to people who are away: which events become one, its words, and how it is delivered."""
