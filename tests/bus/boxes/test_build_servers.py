"""The examples for build servers in docs/reports.md, run as those servers run them: on two boxes behind a real ssh."""

import re
import textwrap
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.bus.boxes.tables import TWO_BOXES
from tests.documents import ROOT
from tests.fixtures import Starter
from tests.loopback import Loopback
from tests.patterns import search
from tests.processes import LAGER, Process

PAGE = (ROOT / "docs" / "reports.md").read_text()
TEST = """
import lager

def test_of_the_bench():
    lager.pause("in a job", timeout=0.2)
"""
BOXES = f"""{TWO_BOXES}[groups]
rack2 = ["near", "other"]
"""


def block(language: Any, word: Any) -> Any:
    """The only example in that language that has the word."""
    (found,) = [one for one in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if word in one]
    return found


def of_github() -> tuple[list[Any], dict[str, str]]:
    workflow = yaml.safe_load(block("yaml", "runs-on"))
    (job,) = workflow["jobs"].values()
    *_, upload = job["steps"]
    assert (upload["if"], upload["with"]["path"]) == ("always()", "report.xml")
    return [step["run"] for step in job["steps"] if "run" in step], {"GITHUB_ACTIONS": "true"}


def of_gitlab() -> tuple[Any, dict[str, str]]:
    (job,) = yaml.safe_load(block("yaml", "script:")).values()
    assert job["artifacts"] == {"when": "always", "reports": {"junit": "report.xml"}}
    assert job["retry"] == {"max": 2, "exit_codes": 75}
    return job["script"], {"GITLAB_CI": "true"}


def of_jenkins() -> tuple[list[str], dict[str, str | Any]]:
    text = block("groovy", "pipeline")
    assert text.count("{") == text.count("}")
    assert "always { junit 'report.xml' }" in text
    steps = [textwrap.dedent(step).replace("\\\\", "\\") for step in re.findall(r"sh '''(.*?)'''", text, re.DOTALL)]
    default = search(r"name: 'PAUSES', defaultValue: (\w+)", text)[1]
    on, off = search(r"LAGER_BREAKPOINTS = \"\$\{params.PAUSES \? '(\w+)' : '(\w+)'\}\"", text).groups()
    return steps, {"JENKINS_URL": "http://ci/", "LAGER_BREAKPOINTS": on if default == "true" else off}


@pytest.mark.parametrize(
    ("server", "asked"),
    [(of_github, False), (of_gitlab, False), (of_jenkins, False), (of_jenkins, True)],
    ids=["github", "gitlab", "jenkins", "jenkins that asks for pauses"],
)
def test_a_job_runs_its_tests_on_a_free_box_and_pauses_only_if_asked_to(
    start: Starter, bench: Process, near: Loopback, tmp_path: Path, server: Any, asked: bool
) -> None:
    near.table(BOXES)
    steps, sets = server()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(TEST)
    (step,) = steps
    (tmp_path / "step.sh").write_text(step)
    environment = {"CI": "true", **sets, **({"LAGER_BREAKPOINTS": "on"} if asked else {})}
    job = start("bash", "-e", "step.sh", PATH=f"{LAGER.rpartition('/')[0]}:/usr/bin:/bin", **environment)
    assert job.wait(60) == 0, job.err.rest()
    (case,) = ElementTree.parse(tmp_path / "report.xml").iter("testcase")
    assert case.get("name") == "test_of_the_bench"
    pauses = [one.get("value") for one in case.iter("property") if one.get("name") == "lager.pause"]
    assert len(pauses) == int(asked), pauses
