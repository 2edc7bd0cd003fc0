# ruff: noqa: SIM115, F401, B028
"""Errors that the library of Python raises and catches; none of them may pause. Not a test: a script."""

import argparse
import ast
import asyncio
import atexit
import concurrent.futures
import configparser
import contextlib
import csv
import datetime
import decimal
import email
import enum
import functools
import gettext
import importlib
import importlib.metadata
import importlib.util
import inspect
import io
import json
import locale
import logging
import multiprocessing
import os
import pathlib
import pickle
import platform
import queue
import random
import re
import selectors
import shelve
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import tomllib
import traceback
import typing
import unittest
import urllib.parse
import urllib.request
import uuid
import warnings
import xml.etree.ElementTree
import zipfile

from failing import CASES, Missing, case, deep, fail


@case
def imports():
    with contextlib.suppress(ImportError):
        import nothing_of_that_name
    with contextlib.suppress(ImportError):
        from os import nothing_of_that_name
    with contextlib.suppress(ImportError):
        importlib.import_module("json.nothing")
    assert importlib.util.find_spec("nothing_of_that_name") is None
    with contextlib.suppress(ModuleNotFoundError):
        importlib.util.find_spec("nothing.of_that_name")
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("nothing-of-that-name")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "wrong_one.py").write_text("import sys\ntry:\n    {}['x']\nexcept KeyError: pass\n1 / 0\n")
        pathlib.Path(folder, "no_syntax.py").write_text("def f(:")
        sys.path.insert(0, folder)
        with contextlib.suppress(ZeroDivisionError):
            import wrong_one
        with contextlib.suppress(SyntaxError):
            import no_syntax
        sys.path.remove(folder)

    def refuses(path):
        raise ImportError(path)

    sys.path_hooks.insert(0, refuses)
    sys.path_importer_cache.clear()
    assert importlib.util.find_spec("nothing_of_that_name") is None
    sys.path_hooks.remove(refuses)


@case
def parsing():
    for text in ("{", "nul", '{"a": }'):
        with contextlib.suppress(json.JSONDecodeError):
            json.loads(text)
    with contextlib.suppress(TypeError):
        json.dumps(object())
    with contextlib.suppress(tomllib.TOMLDecodeError):
        tomllib.loads("a = ")
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--number", type=int)
    with contextlib.suppress(argparse.ArgumentError):
        parser.parse_args(["--number", "x"])
    with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        argparse.ArgumentParser().parse_args(["--wrong"])
    with contextlib.suppress(SyntaxError):
        ast.parse("def")
    with contextlib.suppress(ValueError):
        ast.literal_eval("f()")
    with contextlib.suppress(re.error):
        re.compile("(")
    with contextlib.suppress(xml.etree.ElementTree.ParseError):
        xml.etree.ElementTree.fromstring("<a>")
    reader = configparser.ConfigParser()
    reader.read_string("[a]\nb = %(c)s\n")
    with contextlib.suppress(configparser.Error):
        reader.get("a", "b")
    assert reader.get("a", "z", fallback=1) == 1
    with contextlib.suppress(configparser.Error):
        reader.read_string("nonsense")
    with contextlib.suppress(ValueError):
        shlex.split("'")
    with contextlib.suppress(ValueError):
        uuid.UUID("x")
    with contextlib.suppress(ValueError):
        datetime.datetime.fromisoformat("x")
    with contextlib.suppress(decimal.InvalidOperation):
        decimal.Decimal("x")
    with contextlib.suppress(csv.Error):
        list(csv.reader(["a\0b", '"'], strict=True))
    with contextlib.suppress(ValueError):
        urllib.parse.urlsplit("http://[")
    email.message_from_string("Subject: =?utf-8?q?=ZZ?=\n\n")


@case
def files():
    with contextlib.suppress(FileNotFoundError):
        open("/nowhere/at/all")
    assert not pathlib.Path("/nowhere").exists()
    assert not os.path.exists("\0")
    pathlib.Path("/nowhere").unlink(missing_ok=True)
    shutil.rmtree("/nowhere/at/all", ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "x")
        path.touch()
        path.mkdir(exist_ok=True) if path.is_dir() else None
        pathlib.Path(folder, "y").mkdir(parents=True, exist_ok=True)
        pathlib.Path(folder, "y").mkdir(parents=True, exist_ok=True)
        os.makedirs(os.path.join(folder, "y"), exist_ok=True)
        with contextlib.suppress(zipfile.BadZipFile):
            zipfile.ZipFile(path)
        with contextlib.suppress(Exception):
            shelve.open(str(path), "r")
        with contextlib.suppress(shutil.Error, OSError):
            shutil.copytree(folder, os.path.join(folder, "y"))
    assert shutil.which("nothing-of-that-name") is None
    with tempfile.NamedTemporaryFile() as file, contextlib.suppress(ValueError):
        int(file.name)


@case
def objects():
    class Colour(enum.Enum):
        RED = 1

        @classmethod
        def _missing_(cls, value):
            return cls.RED if value == 9 else None

    assert Colour(9) is Colour.RED
    with contextlib.suppress(ValueError):
        Colour(3)
    with contextlib.suppress(KeyError):
        Colour["BLUE"]
    with contextlib.suppress(pickle.PicklingError, AttributeError, TypeError):
        pickle.dumps(lambda: 1)
    with contextlib.suppress(EOFError):
        pickle.loads(b"")
    inspect.getmembers(Missing, lambda _: True)
    with contextlib.suppress(ValueError, TypeError):
        inspect.signature(dict.pop)
    assert inspect.getdoc(Missing.falls) is None
    with contextlib.suppress(TypeError):
        inspect.getsource(1)

    class Sized(typing.Protocol):
        def __len__(self) -> int: ...

    with contextlib.suppress(TypeError):
        isinstance(1, Sized)
    assert isinstance(functools.cached_property(fail), object)

    @functools.lru_cache
    def cached(kind):
        fail(kind)

    for _ in range(2):
        with contextlib.suppress(OSError):
            cached(OSError)

    @functools.singledispatch
    def dispatched(value):
        raise TypeError(value)

    with contextlib.suppress(TypeError):
        dispatched(1)


@case
def threads_and_pools():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(deep, 3, kind) for kind in (ValueError, KeyError)]
        assert [type(future.exception()) for future in futures] == [ValueError, KeyError]
        with contextlib.suppress(ValueError):
            list(pool.map(int, ["x"]))
    seen = []

    def works():
        try:
            fail()
        except ValueError:
            seen.append(1)
        raise SystemExit

    thread = threading.Thread(target=works)
    thread.start()
    thread.join()
    assert seen
    with contextlib.suppress(queue.Empty):
        queue.Queue().get_nowait()
    with contextlib.suppress(RuntimeError):
        threading.Lock().release()
    condition = threading.Condition()
    with contextlib.suppress(ValueError), condition:
        fail()
    forked = multiprocessing.get_context("fork").Process(target=fail, args=(SystemExit,))
    with contextlib.redirect_stderr(io.StringIO()):
        forked.start()
        forked.join()


@case
def processes():
    with contextlib.suppress(subprocess.CalledProcessError):
        subprocess.run(["false"], check=True)
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(["/nowhere/at/all"])
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["sleep", "60"], timeout=0.01)
    pid = os.fork()
    if not pid:
        try:
            fail()
        except ValueError:
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


@case
def coroutines():
    async def fails(kind=ValueError):
        await asyncio.sleep(0)
        fail(kind)

    class Async:
        async def __aenter__(self):
            return self

        async def __aexit__(self, kind, error, tb):
            return True

    async def main():
        assert len(await asyncio.gather(fails(), fails(KeyError), return_exceptions=True)) == 2
        with contextlib.suppress(ValueError):
            await asyncio.create_task(fails())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.001)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        with contextlib.suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
        async with Async():
            fail()
        with contextlib.suppress(ValueError):
            await asyncio.get_running_loop().run_in_executor(None, fail)
        with contextlib.suppress(ValueError):
            await asyncio.to_thread(fail)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        loop.call_soon(fail)
        await asyncio.sleep(0)
        with contextlib.suppress(OSError):
            await asyncio.open_unix_connection("/nowhere")
        with contextlib.suppress(asyncio.IncompleteReadError):
            reader = asyncio.StreamReader()
            reader.feed_eof()
            await reader.readexactly(1)

    asyncio.run(main())
    with contextlib.suppress(ValueError):
        asyncio.run(fails())


@case
def network():
    with socket.socket() as one, contextlib.suppress(OSError):
        one.connect(("127.0.0.1", 1))
    with contextlib.suppress(OSError):
        urllib.request.urlopen("file:///nowhere")
    with selectors.DefaultSelector() as selector, contextlib.suppress(KeyError):
        selector.unregister(0)


class Suite(unittest.TestCase):
    @unittest.expectedFailure
    def test_expected(self):
        fail()

    def test_skipped(self):
        self.skipTest("x")


@case
def test_suites():
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Suite)
    result = unittest.TextTestRunner(io.StringIO()).run(suite)
    assert (len(result.expectedFailures), len(result.skipped)) == (1, 1)


@case
def odds_and_ends():
    warnings.simplefilter("error")
    with contextlib.suppress(UserWarning):
        warnings.warn("x")
    warnings.simplefilter("default")
    log = logging.getLogger("healthy")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    try:
        fail()
    except ValueError:
        log.exception("x")
        traceback.format_exc()
    with contextlib.suppress(FileNotFoundError):
        gettext.translation("nothing")
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "xx_XX")
    platform.platform()
    with contextlib.suppress(IndexError):
        random.choice([])
    with contextlib.suppress(ZeroDivisionError):
        exec("1 / 0", {})
    with contextlib.suppress(ZeroDivisionError):
        eval("1 / 0")
    with contextlib.suppress(RecursionError):
        deep(10**6)


for one in CASES:
    one()
atexit.register(print, "healthy")
