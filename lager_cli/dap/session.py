"""One session of an editor: shows the pauses of a run one after the other, and answers requests about them.

Invariants

- One pause at a time is shown, in a console of its own (`_script`). A script of several threads may have more: the next
  one is shown when this one has ended.
- Disconnecting changes nothing: the console is closed, and the script stays paused. Only a script that this session has
  launched is ended with it, and only if the editor does not refuse that.
"""

import asyncio
import contextlib
import os
from typing import Any

from lager.breakpoints.terminal import banner
from lager.errors import LagerError, Refusal
from lager.wording import commands
from lager.wording.text import time_left
from lager_cli.console.attach import connection
from lager_cli.console.client import Attached
from lager_cli.dap import pauses, run_end
from lager_cli.dap.launch.launched import Launched
from lager_cli.dap.line_breakpoints import LineBreakpoints
from lager_cli.dap.messages import Editor
from lager_cli.dap.paths import Paths
from lager_cli.dap.paused_script import PausedScript
from lager_cli.dap.script_requests import Arguments, Requests, ScriptRequests

_OPTIONS = {"news": True, "short": True, "quiet": True}
_CAPABILITIES = {
    "supportsConfigurationDoneRequest": True,
    "supportsEvaluateForHovers": True,
    "supportsCompletionsRequest": True,
    "supportsCancelRequest": True,
    "supportsExceptionInfoRequest": True,
    "supportsConditionalBreakpoints": True,
    "supportsHitConditionalBreakpoints": True,
    "supportsLogPoints": True,
    "supportsTerminateRequest": True,
    "supportTerminateDebuggee": True,
    "supportsSetVariable": False,
}
_RUNNING = "The script is running. Wait for its next pause."
_DESCRIPTIONS = {
    "pause": "Paused",
    "step": "Paused after a step",
    "exception": "Paused on an error",
    "entry": "Paused before its first line",
    "breakpoint": "Paused at a breakpoint",
}
_CATEGORIES = {"out": "stdout", "err": "stderr"}  # else "console"


class Session:
    """To be used in one event loop. `requests` has the method of each request that it answers."""

    def __init__(self, editor: Editor, id: str, box: str | None) -> None:
        """`id` and `box` are those of the command line; those of a request come first."""
        self._editor = editor
        self._id = id
        self._box = box
        self._paths = Paths(os.getcwd(), [])
        self._wanted: pauses.Wanted | None = None
        self._launched: Launched | None = None
        self._leaves_running = False  # the script that it has launched
        self._configured = False
        self._stop_on_entry = False
        self._end_of_run: asyncio.Task[None] | None = None
        self._hears_end = True  # of the run, without a connection to its process
        self._terminated = False
        self._script: PausedScript | None = None
        self._breakpoints = LineBreakpoints(editor, self._print)
        self._tasks: list[asyncio.Task[None]] = []
        self._standing: dict[str, dict[str, Any]] = {}
        self._changed = asyncio.Event()
        self.requests: Requests = {
            name: getattr(self, f"_on_{name.lower()}")
            for name in (
                "initialize", "attach", "launch", "configurationDone", "threads", "pause", "terminate", "disconnect",
                "setBreakpoints", "setExceptionBreakpoints",
            )
        } | ScriptRequests(self._paused).by_name  # fmt: skip
        self.answering = asyncio.Lock()
        """Held while a request that resumes the script is answered: what follows from it is told after the answer."""

    async def interrupt(self) -> None:
        """Interrupt what is being evaluated."""
        if self._script is not None:
            await self._script.interrupt()

    def release(self) -> None:
        """Close the console, so that no request waits for the script any more. It stays paused."""
        for task in self._tasks:
            task.cancel()
        if self._script is not None:
            self._script.console.close()

    async def leave(self) -> None:
        """End the session, and the script that it has launched."""
        self.release()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._breakpoints.end()
        if self._launched is not None:
            await self._launched.leave(running=self._leaves_running)

    async def _on_initialize(self, _: Arguments) -> Any:
        return _CAPABILITIES

    async def _on_configurationdone(self, _: Arguments) -> None:
        self._configured = True
        await self._start()

    async def _on_attach(self, arguments: Arguments) -> None:
        self._settle(arguments)
        self._wanted = pauses.Wanted(str(arguments.get("id") or self._id), "")
        await self._begin_to_follow()

    async def _on_launch(self, arguments: Arguments) -> None:
        self._settle(arguments)
        self._launched = Launched(self._print)
        self._launched.prepare(arguments, self._box)
        self._stop_on_entry = bool(arguments.get("stopOnEntry"))
        self._wanted = pauses.Wanted("", self._launched.run_id)
        await self._begin_to_follow()
        await self._start()

    async def _start(self) -> None:
        """Start the script to launch, once the editor has sent its breakpoints. If there are any, the script is paused
        before its first line until it has received them."""
        if self._launched is None or not self._configured:
            return
        try:
            self._launched.start("loud" if self._stop_on_entry else "quiet" if self._breakpoints else "")
        except LagerError:
            self._tell_terminated()
            raise
        self._tasks.append(asyncio.ensure_future(self._tell_end(self._launched)))

    async def _begin_to_follow(self) -> None:
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks.append(asyncio.ensure_future(self._follow(begun)))
        await begun

    def _settle(self, arguments: Arguments) -> None:
        if self._wanted is not None:
            raise Refusal("This session has begun already.")
        self._box = str(arguments.get("box") or self._box or "") or None
        mappings = [(str(one["remoteRoot"]), str(one["localRoot"])) for one in arguments.get("pathMappings") or []]
        self._paths = Paths(str(arguments.get("cwd") or os.getcwd()), mappings)
        self._breakpoints.paths, self._breakpoints.box = self._paths, self._box

    async def _tell_end(self, launched: Launched) -> None:
        await self._tell_ended(await launched.ended())

    async def _tell_run_end(self, run_id: str) -> None:
        """Tell the editor when the run that it is attached to has ended."""
        code = None
        try:
            code = await run_end.exit_code(run_id, self._box)
        except LagerError:
            self._hears_end = False
            if self._script is not None:
                await self._script.before_resume()
            await self._breakpoints.gone.wait()
        await self._tell_ended(code)

    async def _tell_ended(self, code: int | None) -> None:
        async with self.answering:
            if code is not None:
                self._editor.tell("exited", exitCode=code)
            self._tell_terminated()

    def _tell_terminated(self) -> None:
        if not self._terminated:
            self._terminated = True
            self._editor.tell("terminated")

    async def _on_disconnect(self, arguments: Arguments) -> None:
        self._leaves_running = arguments.get("terminateDebuggee") is False
        await self.leave()

    async def _on_terminate(self, _: Arguments) -> None:
        if self._launched is None:
            raise Refusal("This session has not started the script. End it with: lager kill RUN")
        await self._launched.end()

    # The pauses.

    async def _follow(self, begun: "asyncio.Future[None]") -> None:
        """Show the session's pauses, one after the other."""
        assert self._wanted is not None
        showing: list[asyncio.Task[None]] = []
        try:
            if self._box is not None and self._wanted.name:
                await self._show(self._wanted.name, begun)  # the box finds it: one ssh less before it is shown
            showing.append(asyncio.ensure_future(self._show_all()))
            async with contextlib.aclosing(pauses.events(self._box)) as events:
                async for event, pause in events:
                    self._hear(event, pause, begun)
        except LagerError as problem:
            if begun.done():
                self._print("err", commands.as_typed(f"{problem}\n"))
                self._tell_terminated()
            else:
                begun.set_exception(problem)
        finally:
            for task in showing:
                task.cancel()
            await asyncio.gather(*showing, return_exceptions=True)

    def _hear(self, event: str, pause: dict[str, Any], begun: "asyncio.Future[None]") -> None:
        assert self._wanted is not None
        if event == "listed":
            if begun.done():
                return
            if self._wanted.name and not self._standing:
                begun.set_exception(self._wanted.missing())
            else:
                begun.set_result(None)
        elif event in ("standing", "paused"):
            if self._wanted.fits(pause, any_user=self._box is not None):
                self._standing[pause["id"]] = pause
        elif event not in ("extended", "attached", "detached", "console"):
            self._standing.pop(pause["id"], None)
        self._changed.set()

    async def _show_all(self) -> None:
        while True:
            self._changed.clear()
            pause = next(iter(self._standing.values()), None)
            if pause is None:
                await self._changed.wait()
                continue
            self._standing = {id: one for id, one in self._standing.items() if one["run_id"] == pause["run_id"]}
            try:
                await self._show(pause["id"])
            except LagerError as problem:
                self._print("err", commands.as_typed(f"{problem}\n"))
            self._standing.pop(pause["id"], None)

    async def _show(self, id: str, begun: "asyncio.Future[None] | None" = None) -> None:
        """Show a pause, and the pauses at the ends of its steps, until it is resumed without a step. Raises LagerError
        if its console cannot be opened."""
        assert self._wanted is not None
        async with connection(id, _OPTIONS, self._box) as (socket, own):
            console = Attached(socket, own=own)
            try:
                await console.hello
                script = PausedScript(console, self._paths, self._print)
                about = await script.about()
                self._stay_with(str(about["run_id"]))
                if about["reason"] == "entry" and self._launched is not None and not self._stop_on_entry:
                    await self._breakpoints.give(id, int(about["process"]))
                    await script.resume()
                    return
                self._script = script
                self._tell_stopped(self._script, about)
                if begun is not None:
                    begun.set_result(None)
                await self._editor.drain()
                if self._breakpoints or not self._hears_end:
                    await self._script.before_resume()
                await self._show_steps(self._script)
            finally:
                self._script = None
                console.close()
        self._print("console", f"{console.place.get('id', about['id'])} {console.why()}\n")
        if not console.running:
            self._tell_continued()

    def _stay_with(self, run_id: str) -> None:
        assert self._wanted is not None
        self._wanted.stay_with(run_id)
        if self._launched is None and self._end_of_run is None:
            self._end_of_run = asyncio.ensure_future(self._tell_run_end(run_id))
            self._tasks.append(self._end_of_run)

    async def _show_steps(self, script: PausedScript) -> None:
        """Show the steps of this editor, of others and of consoles, until the console is closed."""
        while (place := await script.next_change()) is not None:
            async with self.answering:
                if place:
                    self._tell_stopped(script, place)
                else:
                    self._tell_continued()
                await self._editor.drain()
        async with self.answering:
            pass

    def _tell_stopped(self, script: PausedScript, place: dict[str, Any]) -> None:
        id, process = str(place["id"]), int(place["process"])
        script.before_resume = lambda: self._breakpoints.give(id, process)
        reason = str(place["reason"])
        told = {"description": _DESCRIPTIONS.get(reason, "Paused"), "text": place["label"]}
        self._editor.tell("stopped", reason=reason, threadId=1, allThreadsStopped=False, **told)
        self._print("console", f"{_headline(place, script.console.left)}\n")

    def _tell_continued(self) -> None:
        self._editor.tell("continued", threadId=1, allThreadsContinued=True)

    def _paused(self) -> PausedScript:
        if self._script is None or self._script.console.running:
            raise Refusal(_RUNNING)
        return self._script

    def _print(self, stream: str, text: str) -> None:
        self._editor.tell("output", category=_CATEGORIES.get(stream, "console"), output=text)

    async def _on_threads(self, _: Arguments) -> Any:
        if self._script is None or self._script.console.running:
            return {"threads": [{"id": 1, "name": "script"}]}
        return {"threads": await self._script.threads()}

    async def _on_pause(self, _: Arguments) -> None:
        if self._wanted is None or not self._wanted.run_id or self._box is not None:
            raise Refusal("lager does not know the run. Pause it with: lager pause RUN")
        if self._script is None or self._script.console.running:
            from lager_cli.runs import request_pause

            await request_pause.request(self._wanted.run_id)

    async def _on_setbreakpoints(self, arguments: Arguments) -> Any:
        path, asked = str(arguments["source"]["path"]), [dict(one) for one in arguments.get("breakpoints") or []]
        if asked and self._script is not None and not self._script.console.running:
            await self._script.before_resume()
        return {"breakpoints": await self._breakpoints.set(path, asked)}

    async def _on_setexceptionbreakpoints(self, _: Arguments) -> None:
        pass


def _headline(about: dict[str, Any], left: float | None) -> str:
    resumes = "" if left is None else f", resumes in {time_left(left)}"
    label = f": {about['label']}" if about["label"] else ""
    return f"{about['id']} is paused at {banner.where(about)}{label}{resumes}"
