"""A report as JUnit XML, for build servers: the run is one test, its pauses and answers are properties."""

import re
from typing import Any
from xml.etree import ElementTree

_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # Extensible Markup Language 1.0, 2.2


def junit(report: dict[str, Any]) -> str:
    """Return the XML. `time` is without the pauses, whose time is the property lager.paused_seconds."""
    run = report["run"]
    paused = sum(one["seconds"] or 0.0 for one in report["pauses"])
    failed = run["exit_code"] not in (0, None) or run["state"] == "died"
    seconds = f"{max((run['seconds'] or 0.0) - paused, 0.0):.3f}"
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        suites, "testsuite", name="lager python", time=seconds, timestamp=run["started"], hostname=_text(run["host"]),
        tests="1", failures=str(int(failed)), errors="0", skipped="0",
    )  # fmt: skip
    case = ElementTree.SubElement(
        suite, "testcase", classname="lager", name=_text(" ".join([run["runnable"], *run["arguments"]])), time=seconds
    )
    properties = ElementTree.SubElement(case, "properties")
    for name, value in _properties(report, paused):
        ElementTree.SubElement(properties, "property", name=name, value=_text(value))
    if failed:
        code = run["exit_code"]
        why = "died with its supervisor" if code is None else f"exit code {code}"
        ElementTree.SubElement(case, "failure", message=why)
    output = report["output"]
    ElementTree.SubElement(case, "system-out").text = _text(output["text"] or output["note"])
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _properties(report: dict[str, Any], paused: float) -> list[tuple[str, str]]:
    found = [("lager.run", report["run"]["id"]), ("lager.paused_seconds", f"{paused:.3f}")]
    for one in report["pauses"]:
        where = f" at {one['file']}:{one['line']}" if one["file"] else ""
        by = f" by {one['by']}" if one["by"] else ""
        lasted = "" if one["seconds"] is None else f" after {one['seconds']:.3f} s"
        found.append(("lager.pause", f"{one['label'] or one['id']}{where}: {one['end'] or 'paused'}{by}{lasted}"))
        if one["answer"] is not None:
            found.append(("lager.answer", f"{one['label']}: {one['answer']}"))
    found += [("lager.change", f"{one['net']} {one['what']} by {one['by']}") for one in report["changes"]]
    found += [("lager.instrument", f"{one['name']}: {one['identity']}") for one in report["instruments"]]
    return found


def _text(text: str) -> str:
    return _INVALID.sub("\N{REPLACEMENT CHARACTER}", text)
