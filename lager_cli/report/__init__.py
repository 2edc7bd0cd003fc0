"""The evidence of a run, and how it is shown: as text, HTML, JSON and JUnit. Nothing here reads a clock or a bus."""
