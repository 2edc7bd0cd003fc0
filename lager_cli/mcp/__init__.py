"""`lager mcp`: what an assistant may read and, if allowed, do. Each tool is a `lager` command."""
