"""A report as one HTML page: no scripts, nothing from elsewhere, readable on paper."""

from collections.abc import Iterator
from html import escape
from typing import Any

from lager_cli.report.tables import Part, parts, title

_STYLE = """
body { font: 10pt/1.4 sans-serif; margin: 2em auto; max-width: 70em; color: #000; background: #fff; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin: 1.5em 0 .3em; }
table { border-collapse: collapse; width: 100%; } tr { break-inside: avoid; }
th, td { border: 1px solid #999; padding: .2em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #eee; } thead { display: table-header-group; }
pre { border: 1px solid #999; padding: .5em; white-space: pre-wrap; overflow-wrap: anywhere; }
@page { margin: 15mm; } @media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: dict[str, Any]) -> str:
    """Return the page. All text of a script or an instrument is escaped."""
    name = escape(title(report))
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
            f"<title>{name}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{name}</h1>",
            *(line for part in parts(report) for line in _part(part)),
            *_first_rows(report),
            *_output(report["output"]),
            "</body></html>",
            "",
        ]
    )


def _part(part: Part) -> Iterator[str]:
    yield f"<h2>{escape(part.title)}</h2>"
    if not part.rows:
        yield f"<p>{escape(part.none)}</p>"
        return
    yield "<table>"
    if any(part.headers):
        yield f"<thead>{_row(part.headers, 'th')}</thead>"
    yield from (_row(row, "td") for row in part.rows)
    yield "</table>"


def _row(cells: Any, tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"


def _first_rows(report: dict[str, Any]) -> Iterator[str]:
    for file in report["readings"]:
        if file["first"]:
            more = f", without the {file['left_out']} that follow" if file["left_out"] else ""
            yield from _part(Part(f"Rows of {file['file']}{more}", file["titles"], file["first"]))


def _output(output: dict[str, Any]) -> Iterator[str]:
    yield "<h2>Output</h2>"
    if output["note"]:
        yield f"<p>{escape(output['note'])}</p>"
    if output["text"]:
        yield f"<pre>{escape(output['text'])}</pre>"
