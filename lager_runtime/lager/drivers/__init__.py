"""The drivers, one small module per model family. `families` says which model is whose."""
