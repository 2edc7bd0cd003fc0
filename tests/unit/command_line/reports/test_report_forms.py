"""A report of a run whose scripts, instruments and users say anything at all: every form of it stays valid."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lager_cli.report import html, junit, tables
from lager_cli.report.collect import collect

TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "table", "thead", "tr", "td", "th", "p", "pre",
}  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>", "\"><img src=x onerror=y>", "' onload='x", "</pre><svg onload=x>", "]]>", "<!--",
    "&#0;", "\0\x1b[31m\x07\x85", "\u202eevil\u2066", "\ud800", "\ufffe", "a\nb\r\nc", "x" * 5000, "",
]  # fmt: skip


class Page(HTMLParser):
    def __init__(self, text: Any) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: Any, attributes: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}


def report(text: Any, *files: Any) -> dict[str, Any]:
    run = {
        "id": "9b1c04d7-0000", "runnable": text, "arguments": [text], "folder": text, "box": text, "host": text,
        "detached": True, "interpreter": text, "state": "ended", "exit_code": 1, "started": "", "ended": "",
        "seconds": 1.0,
    }  # fmt: skip
    records = [
        {"event": "paused", "breakpoint": "7f3a", "label": text, "file": text, "line": text, "time": 1e30},
        {
            "event": "answered",
            "breakpoint": "7f3a",
            "paused_sec": text,
            "by_user": text,
            "by_how": text,
            "answer": text,
        },
        {"event": "changed", "net": text, "reason": text, "time": float("nan")},
        {"event": text, "breakpoint": text},
        {"event": "auto-resumed", "breakpoint": "9b1c", "paused_sec": "inf"},
    ]
    notes = [
        {"kind": "instrument", "name": text, "model": text, "address": text, "identity": text},
        {"kind": ["x"]}, {"kind": "versions", "lager": {"a": 1}}, {"kind": "readings", "file": text},
        *({"kind": "readings", "file": str(file)} for file in files),
    ]  # fmt: skip
    lines = [*(json.dumps(one).encode() for one in notes), b"[", b"[]", b"\xff", b"[" * 100_000]
    return collect(run, records, lines, {"text": text, "note": text})


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_becomes_a_tag_or_ends_the_xml(text: str) -> None:
    found = report(text)
    assert found == report(text)
    page = Page(html.page(found).encode("utf-8", "replace").decode())
    assert page.tags <= TAGS
    assert page.attributes <= {"lang", "charset", "http-equiv", "content"}
    suites = ElementTree.fromstring(junit.junit(found).encode("utf-8", "replace"))
    assert len(suites.findall("testsuite/testcase/failure")) == 1


@pytest.mark.parametrize(
    ("data", "rows", "problem"),
    [
        (b"a,b\n1,2\n3,4\n" + b"y" * 200_000 + b",2\n", 2, "field larger than"),
        (b"", 0, ""),
        (b"\xff\xfe,<b>\n<script>,2\n", 1, ""),
        (b"a,a\n1e999,nan\n,,,\n", 2, ""),
    ],
    ids=["a long cell", "empty", "not UTF-8", "no numbers"],
)
def test_a_file_of_readings_is_shown_as_far_as_it_can_be_read(
    tmp_path: Path, data: bytes, rows: int, problem: str
) -> None:
    (tmp_path / "readings.csv").write_bytes(data)
    found = report("x", tmp_path / "readings.csv", tmp_path / "nothing.csv")
    assert found["readings"][1]["rows"] == rows
    assert problem in found["readings"][1]["problem"]
    assert "no longer there" in found["readings"][2]["problem"]
    assert Page(html.page(found)).tags <= TAGS
    titles = [part.title for part in tables.parts(found) if part.title.startswith("Readings")]
    assert (f"{rows} rows" in titles[1], problem in titles[1]) == (True, True)
