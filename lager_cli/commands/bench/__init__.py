"""The commands about the whole bench: its nets file, its readings and its state, and `lager off`."""
