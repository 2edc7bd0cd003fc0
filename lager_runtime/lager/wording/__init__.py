"""How text, numbers, changes and questions are read and shown."""
