"""Messages to people who are away: which events are sent, in which words, and how they are delivered."""
