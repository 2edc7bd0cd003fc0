"""Messages to people who are away: which events are sent, their text, and their delivery."""
