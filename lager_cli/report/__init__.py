"""The evidence of a run, formatted as text, HTML, JSON and JUnit. Nothing here uses a clock or the bus."""
