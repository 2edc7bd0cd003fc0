"""What several commands share: options, --box, completion, and how words are read."""
