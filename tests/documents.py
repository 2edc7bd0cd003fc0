"""The commands of a page of the documentation, and what the page says that they print."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs"
ID = "7f3a19e2"  # what the pages call the pause that stands
_BLOCK = re.compile(r"```console(?: (\w+))?\n(.*?)```", re.DOTALL)
_COMMENT = re.compile(r"\s{2,}#.*$")
_PROMPTS = (">>> ", "... ")


@dataclass
class Step:
    """A command, what is typed into it, and the lines that it is said to print."""

    command: str
    typed: list[str]
    printed: list[str]

    @property
    def needs_pause(self) -> bool:
        return any(ID[:4] in line for line in (self.command, *self.printed))

    @property
    def fails(self) -> bool:
        return bool(self.printed) and self.printed[0].startswith(("lager: ", "Error: ", "Call failed: "))

    def check(self, code: int, out: str, err: str) -> None:
        """Compare the step with the real result: the exit code, and the first word of each printed line."""
        assert (code != 0) == self.fails, f"{self.command} ended with {code}:\n{out}{err}"
        missing = [line for line in self.printed if line.split()[0] not in out + err]
        assert not missing, f"{self.command} does not print {missing}:\n{out}{err}"


def steps(page: str, scene: str = "") -> list[Step]:
    """The steps of the blocks ```console of a page, or of those of a scene (```console SCENE) that a test has set."""
    blocks = _BLOCK.findall((PAGES / page).read_text())
    return [step for of, block in blocks if of == scene for step in _steps(block)]


def _steps(block: str) -> Iterator[Step]:
    step = None
    for line in block.splitlines():
        if line.startswith("$ "):
            if step is not None:
                yield step
            step = Step(_COMMENT.sub("", line[2:]), [], [])
        elif step is not None and line.startswith(_PROMPTS):
            step.typed.append(line[4:])
        elif step is not None and line == "...":
            step.typed.append("")
        elif step is not None and line.strip():
            step.printed.append(line)
    if step is not None:
        yield step


def play(page: str, run: Callable[[Step], tuple[int, str, str]]) -> int:
    """Run every step with `run`, which answers exit code, output and errors; how many there were."""
    told = steps(page)
    for step in told:
        step.check(*run(step))
    return len(told)
