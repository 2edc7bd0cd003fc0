"""Decides from the bytecode, without running it, whether an error leaves the code in which it was raised.

`--pause-on-error` must pause before the stack unwinds, which is before Python itself knows whether a handler takes the
error. So the question is answered by reading: Python keeps, for each range of instructions, the handler that an error
there jumps to (CPython, Objects/exception_handling_notes.txt). We follow every path from that handler to its end. On
each path the error is either raised again, which sends us to the handler around that instruction, or it is not.

Invariants

- Only "it surely leaves" is a yes. Whatever we do not understand counts as caught: a pause that does not come is a
  traceback as always, while a pause at an error that the script handles would stop a healthy test.
- All paths count. `leaves` is true only if each path from each handler on the way out raises the error again. A handler
  that has a `return`, `break` or `continue`, or a `raise` of its own, on any path catches it.
- Nothing of the script runs. The classes of an `except` are found by name (`names`), without properties,
  `__getattr__` or `__instancecheck__`: Python compares by the MRO here, too. A name that we cannot find is UNKNOWN, and
  an `except` of it counts as one that may match.
- It always ends. `seen` holds the handlers, and within one of them the instructions, that were looked at: a loop inside
  a handler is followed once.
- The instructions are only read. Offsets are in bytes and may point into the inline cache behind an instruction;
  `Listing.index` returns the instruction that such an offset belongs to.

How the compiler writes what we look for (3.11 to 3.14)

- `finally`, and the end of every `except`, is a copy of the body that ends with RERAISE. `_RESTORING` (COPY,
  POP_EXCEPT, RERAISE) restores the exception that was handled before and raises again. Its POP_EXCEPT must not be taken
  for the one at the end of an `except` body, which means caught.
- `except A:` is the load of A, CHECK_EXC_MATCH and a jump to the next clause. The load is read backwards from the check
  (`_operand`), since the stack is not ours to look at. `except*` (CHECK_EG_MATCH) splits groups and counts as caught.
- `with` is WITH_EXCEPT_START and a jump on what `__exit__` returned. `swallows` answers for it without a call.
- A generator that is closed, and `async for` at its end, have RERAISE forms of their own: CLEANUP_THROW, END_ASYNC_FOR.

Races

- Other threads run on and may bind a name anew between our look and Python's. The answer is then that of a moment
  before, and wrong in the way described first. Code objects never change, so their listings are cached.
"""

import dis
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

from lager.uncaught.names import UNKNOWN, Names, attribute

_CAUGHT = frozenset((
    "POP_EXCEPT", "CHECK_EG_MATCH", "PREP_RERAISE_STAR", "RETURN_VALUE", "RETURN_CONST", "YIELD_VALUE", "SEND",
))  # fmt: skip
_AGAIN = frozenset(("RERAISE", "CLEANUP_THROW", "END_ASYNC_FOR"))
_RESTORING = ["COPY", "POP_EXCEPT", "RERAISE"]
_ALWAYS = frozenset(("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"))
_LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR")


class ProtectedRange(NamedTuple):
    """The instructions from `start` to `end` jump to `target` if one of them raises; offsets in bytes."""

    start: int
    end: int
    target: int


class Listing:
    """The instructions of a code object and its guards."""

    def __init__(self, code: CodeType) -> None:
        self.instructions = [*dis.get_instructions(code)]
        self.offsets = [one.offset for one in self.instructions]
        self.guards = [*_guards(code.co_exceptiontable)]

    def index(self, offset: int) -> int:
        """Return the index of the instruction at `offset`, which may point into its cache entries."""
        return bisect_right(self.offsets, offset) - 1

    def guard(self, offset: int) -> ProtectedRange | None:
        return next((guard for guard in self.guards if guard.start <= offset < guard.end), None)


@lru_cache(256)
def listing(code: CodeType) -> Listing:
    return Listing(code)


def _guards(table: bytes) -> Iterator[ProtectedRange]:
    """Yield the guards of a table as in CPython's Objects/exception_handling_notes.txt: numbers of six-bit groups."""
    data = iter(table)

    def number() -> int:
        byte = next(data)
        value = byte & 63
        while byte & 64:
            byte = next(data)
            value = value << 6 | byte & 63
        return 2 * value

    while True:
        try:
            start = number()
        except StopIteration:
            return
        length, target, _ = number(), number(), number()
        yield ProtectedRange(start, start + length, target)


Swallows = Callable[[Listing, ProtectedRange], bool]


@dataclass(frozen=True)
class Unwinding:
    """An error of type `kind` in code that sees `names`. `swallows`: may the `with` of a guard stop it?"""

    code: CodeType
    names: Names
    kind: type[BaseException]
    swallows: Swallows

    def leaves(self, offset: int) -> bool:
        """Return whether an error of the instruction at `offset` surely leaves the code."""
        all_of_it = listing(self.code)
        guard = all_of_it.guard(offset)
        waiting, seen = [guard] if guard else [], set()
        while waiting:
            guard = waiting.pop()
            if guard.target in seen:
                continue
            seen.add(guard.target)
            again = self._raised_again(all_of_it, guard)
            if again is None:
                return False
            waiting += [outer for at in again if (outer := all_of_it.guard(at))]
        return True

    def _raised_again(self, all_of_it: Listing, guard: ProtectedRange) -> list[int] | None:
        """Return where the handler raises the error again; None if it may do something else with it."""
        again, seen, waiting = [], set(), [all_of_it.index(guard.target)]
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            one = all_of_it.instructions[at]
            if [i.opname for i in all_of_it.instructions[at : at + 3]] == _RESTORING:
                again.append(all_of_it.offsets[at + 2])
            elif one.opname in _AGAIN or (one.opname == "RAISE_VARARGS" and not one.arg):
                again.append(one.offset)
            elif one.opname in _CAUGHT or one.opname == "RAISE_VARARGS":
                return None
            else:
                following = self._following(all_of_it, guard, at)
                if following is None:
                    return None
                waiting += following
        return again

    def _following(self, all_of_it: Listing, guard: ProtectedRange, at: int) -> list[int] | None:
        """Return the instructions that may follow the one at index `at`."""
        one = all_of_it.instructions[at]
        if one.opname == "CHECK_EXC_MATCH":
            matches = self._matches(_operand(all_of_it, at - 1, self.names)[0])
            if matches is None:
                return None
            jump = _next_jump(all_of_it, at)
            return [jump + 1] if matches else [all_of_it.index(all_of_it.instructions[jump].argval)]
        if one.opname == "WITH_EXCEPT_START":
            return None if self.swallows(all_of_it, guard) else [_next_jump(all_of_it, at) + 1]
        if one.opcode in dis.hasjrel or one.opcode in dis.hasjabs:
            target = all_of_it.index(one.argval)
            return [target] if one.opname in _ALWAYS else [target, at + 1]
        return [at + 1]

    def _matches(self, caught: Any) -> bool | None:
        """Return whether an `except caught` catches the error; None if it is not known."""
        kinds = caught if type(caught) is tuple else (caught,)
        if any(kind in self.kind.__mro__ for kind in kinds if kind is not UNKNOWN):
            return True
        return None if any(kind is UNKNOWN for kind in kinds) else False


def _next_jump(all_of_it: Listing, at: int) -> int:
    while not all_of_it.instructions[at].opname.startswith("POP_JUMP"):
        at += 1
    return at


def _operand(all_of_it: Listing, at: int, names: Names) -> tuple[Any, int]:
    """Return the value that the instruction at `at` leaves on the stack, and the index before the code that made it."""
    one = all_of_it.instructions[at]
    if one.opname.startswith(_LOADS) and isinstance(one.argval, str):
        return names.value(one.argval), at - 1
    if one.opname == "LOAD_ATTR":
        owner, at = _operand(all_of_it, at - 1, names)
        return attribute(owner, one.argval), at
    if one.opname == "BUILD_TUPLE":
        values: list[Any] = []
        at -= 1
        for _ in range(one.arg or 0):
            value, at = _operand(all_of_it, at, names)
            values += value if type(value) is tuple else [value]
        return tuple(values), at
    return UNKNOWN, at - 1


def stored_name(instruction: dis.Instruction) -> str:
    """Return the name that an instruction stores to, or ""; some instructions also do a second thing."""
    if not instruction.opname.startswith("STORE_"):
        return ""
    name = instruction.argval
    return str(name[0] if type(name) is tuple else name)
