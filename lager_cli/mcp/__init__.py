"""`lager mcp`: what an assistant may look at and, if it is allowed, do. Each tool is a `lager` command."""
