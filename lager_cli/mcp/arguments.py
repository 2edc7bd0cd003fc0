"""The arguments of the tools: what each may be, so that no argument is taken for an option of a command."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

MOST_SECONDS = 3600.0

Id = Annotated[str, Field(pattern=r"^[0-9a-fA-F-]{4,36}$", description="The id of a pause or a run, or a prefix.")]
Net = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$", description="A net of the bench.")]
Time = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z :.+-]{0,39}$", description='As "1 hour ago" or "today".')]
Seconds = Annotated[float, Field(ge=1, le=MOST_SECONDS, allow_inf_nan=False)]  # less could round to 0: no limit
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]


def agent(context: Context[Any]) -> str:
    """Return the name that the client gives itself."""
    params = context.session.client_params
    return params.client_info.name if params is not None else "unknown"
