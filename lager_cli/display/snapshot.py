"""Formats a snapshot of a paused script as lines."""

from typing import Any

from lager.breakpoints.terminal.banner import shown_path


def source(lines: list[dict[str, Any]]) -> list[str]:
    width = len(str(lines[-1]["line"])) if lines else 0
    return [f"{'->' if one['here'] else '  '} {one['line']:>{width}}  {one['text']}" for one in lines]


def stack(look: dict[str, Any]) -> list[str]:
    """Return two lines for each frame. The selected frame is marked if it is not the last."""
    shown = [f"  ({look['frames_left_out']} more)"] if look["frames_left_out"] else []
    last = len(look["stack"]) - 1
    for number, frame in enumerate(look["stack"]):
        mark = "> " if number == look.get("selected", last) != last else "  "
        shown.append(f"{mark}{shown_path(frame['file'])}:{frame['line']} in {frame['function']}")
        if frame["text"]:
            shown.append(f"    {frame['text']}")
    return shown


def variables(look: dict[str, Any]) -> list[str]:
    """Return a line for each variable, and one for the names of modules, functions and classes."""
    values = [one for one in look["variables"] if one["kind"] == "variable"]
    others = [one["name"] for one in look["variables"] if one["kind"] != "variable"]
    names = max((len(one["name"]) for one in values), default=0)
    types = max((len(one["type"]) for one in values), default=0)
    shown = [f"  {one['name']:<{names}}  {one['type']:<{types}}  {one['value']}" for one in values]
    if look["variables_left_out"]:
        shown.append(f"  ({look['variables_left_out']} more)")
    if others:
        shown.append(f"  modules, functions, classes: {', '.join(others)}")
    return shown
