"""Another name of the module with `pause`: `from lager.breakpoint import pause`."""

from lager import ask, pause

__all__ = ["ask", "pause"]
