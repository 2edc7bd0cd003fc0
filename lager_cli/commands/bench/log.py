"""`lager log`: readings of nets over time, to a table, a CSV file, sparklines and a plot."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import click

from lager.errors import RecordingError
from lager.nets import file as nets_file
from lager.recording.rows import CsvFile, Row, interval, readable
from lager_cli import daemon
from lager_cli.display import output
from lager_cli.display.row_views import CsvView, PlainTable, Sparklines, View
from lager_cli.display.sparkline import Curve, svg
from lager_cli.linux.tty import has_only_lines
from lager_cli.options import completion
from lager_cli.options.box_option import box_group_option, choose
from lager_cli.options.common import seconds
from lager_cli.readings.net_status import without_safe
from lager_cli.readings.row_source import BoxRows, OwnRows, first_line, line_of

_STDOUT = "-"


@click.command()
@click.argument("nets", nargs=-1, required=True, metavar="NET...", shell_complete=completion.readable)
@click.option(
    "--every", type=seconds, default=0.5, metavar="TIME", help="Set the time between readings (default: 0.5s)."
)
@click.option("--for", "length", type=seconds, metavar="TIME", help="End after this time (default: at Ctrl-C).")
@click.option(
    "--csv", "csv_file", metavar="FILE", help="Write the readings to a new FILE as CSV; - for standard output."
)
@click.option("--plot", metavar="FILE.svg", help="Draw the readings into a new FILE at the end.")
@click.option("--relay", is_flag=True, hidden=True)
@box_group_option
@click.pass_context
def log(
    context: click.Context,
    nets: tuple[str, ...],
    every: float,
    length: float | None,
    csv_file: str | None,
    plot: str | None,
    relay: bool,
    box: str | None,
) -> int:
    """Read nets repeatedly, and show the readings: sparklines on a terminal, else a table or CSV.

    Reading never makes the claim of another program fail. What a paused script holds is read through the pause. For
    a reading that failed or was missed, a row says why, and its cell in the CSV is empty. Ctrl-C ends the log, and the
    files are then complete. They are written on this machine, even with --box. The exit code is 1 if a net could never
    be read.

    \b
    Examples:
      lager log supply2 adc1
      lager log supply2 --every 0.1 --for 10m --csv run.csv --plot run.svg
      lager log adc1 --csv - --for 5 --box bench3
    """
    interval(every)
    files = [Path(name) for name in (csv_file, plot) if name and name != _STDOUT]
    for file in files:
        if file.exists():
            raise RecordingError(f"{file} already exists.", "Move it away, or name another file.")
    work = _Log(csv_file, Path(plot) if plot else None, every, relay)
    there = choose(context, box)
    if there is not None:
        from lager_cli.boxes import remote

        span = [] if length is None else ["--for", str(length)]
        with remote.channel(there, ["log", *nets, "--every", str(every), *span, "--relay"]) as connection:
            return asyncio.run(work.of_box(connection))
    daemon.ready_address()
    wanted = without_safe(readable(nets_file.load(), nets))
    return asyncio.run(work.run(OwnRows(wanted, every, length)))


class _Log:
    def __init__(self, csv_file: str | None, plot: Path | None, every: float, relay: bool) -> None:
        self._csv_file = csv_file
        self._plot = plot
        self._every = every
        self._relay = relay
        self._ended = 0  # the signal that ended it

    async def of_box(self, connection: object) -> int:
        reader, writer = await asyncio.open_connection(sock=connection, limit=1 << 20)
        try:
            source = await BoxRows.begin(reader)
            return 1 if source is None else await self.run(source)
        finally:
            writer.close()

    async def run(self, source: OwnRows | BoxRows) -> int:
        """Show and write all rows; return the exit code."""
        with ExitStack() as stack:
            views = self._views(source, stack)
            curves = [Curve(column.title, column.unit) for column in source.columns]
            never = set(range(len(curves)))
            async for row in self._until_signal(source.rows()):
                for view in views:
                    view.add(row)
                for number, value in enumerate(row.values):
                    if self._plot is not None:
                        curves[number].add(row.seconds, value)
                    if value is not None:
                        never.discard(number)
            for view in views:
                view.end()
        if self._plot is not None:
            _write_new(self._plot, svg(curves))
            output.note(f"drew {self._plot}")
        if self._ended == signal.SIGTERM:
            return 128 + self._ended
        return int(bool(never))

    def _views(self, source: OwnRows | BoxRows, stack: ExitStack) -> list[View]:
        if self._relay:
            output.say_now(first_line(source.columns))
            return [_Lines()]
        if self._csv_file == _STDOUT:
            return [CsvView(source.columns)]
        views: list[View] = []
        if self._csv_file is not None:
            file = CsvFile(self._csv_file, source.columns)
            stack.callback(file.close)
            views.append(_ToFile(file))
        if output.on_terminal() and not has_only_lines():
            views.append(Sparklines(source.columns))
        elif self._csv_file is None:
            views.append(PlainTable(source.columns))
        return views

    async def _until_signal(self, rows: AsyncIterator[Row]) -> AsyncIterator[Row]:
        """Yield the rows until they end, or Ctrl-C or SIGTERM arrives between two."""
        loop = asyncio.get_running_loop()
        stop = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _set, stop, number)
        while True:
            coming = asyncio.ensure_future(anext(rows, None))
            await asyncio.wait([coming, stop], return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                self._ended = stop.result()
                coming.cancel()
                await asyncio.wait([coming])
                return
            row = coming.result()
            if row is None:
                return
            yield row


def _set(stop: "asyncio.Future[int]", number: int) -> None:
    if not stop.done():
        stop.set_result(number)


class _Lines:
    """Prints rows as lines of JSON, for a `lager log` on another machine."""

    def add(self, row: Row) -> None:
        output.say_now(line_of(row))

    def end(self) -> None:
        pass


class _ToFile:
    def __init__(self, file: CsvFile) -> None:
        self._file = file

    def add(self, row: Row) -> None:
        self._file.add(row)

    def end(self) -> None:
        output.note(f"wrote {self._file.path}")


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RecordingError(f"{path} already exists.", "Move it away, or name another file.") from None
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror}.", "Name another file.") from None
