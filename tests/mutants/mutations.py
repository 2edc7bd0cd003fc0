"""Single changes of a module: each is one that a person could make by mistake, and that a test should notice."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_NAMES = {"min": "max", "max": "min", "ceil": "floor", "floor": "ceil", "any": "all", "all": "any"}
# Words, keys and commands; a sentence that a person reads is judged by a person.
_WORD = re.compile(r"[\w.:*?-]{1,30}|[:*]?[A-Z]{2}[A-Za-z0-9:*?,@(){} -]*")
_LONGEST_SHOWN = 90


@dataclass(frozen=True)
class Mutation:
    """`where` is the qualified name of the function, and `old` and `new` are what stands there before and after.

    `changed` makes the change in the tree that all mutations of a module share, and returns it: once in a process.
    """

    line: int
    where: str
    old: str
    new: str
    changed: Callable[[], ast.Module]
    number: int = 0  # among those of its module

    def __str__(self) -> str:
        return f"{self.where}: {self.old} → {self.new}"


def mutations(source: str) -> list[Mutation]:
    """All mutations of a module, in the order of its lines."""
    tree = ast.parse(source)
    found = []
    for place in list(_places(tree)):
        parent, field, index, where = place
        node = getattr(parent, field) if index is None else getattr(parent, field)[index]
        shown = parent if isinstance(node, ast.expr) and _is_short(parent) else node
        old = _line(ast.unparse(shown))
        for changed in _changes(node):
            ast.fix_missing_locations(ast.copy_location(changed, node))
            _put(place, changed)
            new = _line(ast.unparse(parent if shown is parent else changed))
            _put(place, node)
            found.append(Mutation(node.lineno, where, old, new, partial(_changed, tree, place, changed)))
    found.sort(key=lambda mutation: mutation.line)
    return [replace(one, number=number) for number, one in enumerate(found)]


def _changed(tree: ast.Module, place: "_Place", changed: ast.AST) -> ast.Module:
    _put(place, changed)
    return tree


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_SHOWN else flat[: _LONGEST_SHOWN - 1] + "…"


def _is_short(node: ast.AST) -> bool:
    return isinstance(node, ast.expr) and len(ast.unparse(node)) < _LONGEST_SHOWN


_Place = tuple[ast.AST, str, int | None, str]


def _put(place: _Place, node: ast.AST) -> None:
    parent, field, index, _ = place
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _places(node: ast.AST, where: str = "") -> Iterator[_Place]:
    """Every node below: its parent, where the parent has it, and the function it is in."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        where = f"{where}.{node.name}" if where else node.name
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "bases", "type_params", "format_spec"):
            continue
        children = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if isinstance(child, ast.expr | ast.stmt) and not _is_told(child) and not _is_prose(node, child):
                yield node, field, index, where or "(module)"
            if isinstance(child, ast.AST) and not _is_told(child):
                yield from _places(child, where)


def _is_told(node: ast.AST) -> bool:
    """Return whether a node is only for people or for the type checker."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "TypeVar":
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, ast.Assert | ast.Import | ast.ImportFrom)


def _is_prose(node: ast.AST, child: ast.AST) -> bool:
    """Whether this is a piece of a text with values in it that is no command."""
    if not isinstance(node, ast.JoinedStr) or not isinstance(child, ast.Constant):
        return False
    return not re.search("[A-Z]{2}", str(child.value)) or " " in str(child.value).strip()


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Constant():
            yield from map(ast.Constant, _values(node.value))
        case ast.Compare(ops=[op]):
            yield ast.Compare(node.left, [_COMPARISONS[type(op)]()], node.comparators)
        case ast.Compare(ops=[first, *rest]):
            yield ast.Compare(node.left, [_COMPARISONS[type(first)](), *rest], node.comparators)
            yield ast.Compare(node.left, [first, *(_COMPARISONS[type(op)]() for op in rest)], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _OPERATORS:
            yield ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)
        case ast.Name() if node.id in _NAMES:
            yield ast.Name(_NAMES[node.id], node.ctx)
        case ast.Attribute() if node.attr in _NAMES:
            yield ast.Attribute(node.value, _NAMES[node.attr], node.ctx)
        case ast.Call(func=ast.Name(id="abs")):
            yield node.args[0]
        case ast.IfExp():
            yield ast.IfExp(node.test, node.orelse, node.body)
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.With():
            yield ast.If(ast.Constant(True), node.body, [])
        case ast.If() | ast.While():
            if isinstance(node.test, ast.Name | ast.Call | ast.Attribute | ast.BoolOp | ast.NamedExpr):
                yield type(node)(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def _values(value: object) -> Iterator[bool | float | str]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
        if value:
            yield value * 10
    elif isinstance(value, str) and _WORD.fullmatch(value):
        yield value + "X"
