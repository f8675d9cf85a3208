"""What the code of a page says of its figures: which functions are called, which data goes in.

Cells are read, never run. Each name of a page holds the files of results/ that went into it, or
``UNKNOWN`` where that cannot be told, so that nothing false is said of a figure.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

UNKNOWN = "unknown"  # a file that cannot be named
WEIGHTS = "results/models"  # of trainings; which, depends on every spike
_READERS = {
    "studies.results.load": "results/{}.parquet",
    "studies.results.run": "results/{}.parquet",
    "studies.results.graphs": "results/{}_graphs.parquet",
    "studies.results.provenance": "results/{}.json",
    "studies.results.origin": "results/{}.json",
}
_FOLDERS = {
    "studies.results.RESULTS": "results/{}",
    "lgl_core.transformer.shipped.MODELS": "results/models/{}",
}
_TRAINERS = {
    "lgl_core.train",
    "lgl_core.experiment.train",
    "lgl_core.experiment.train_models",
    "lgl_core.whole_path.run",
    "studies.points.Model",
    "studies.readings.Constrained",
}
_FOLLOWED = {*_READERS, *_FOLDERS, *_TRAINERS}
_PATH = re.compile(r"(?:\.\./)*(results/[\w./-]+)")


@dataclass(frozen=True)
class Value:
    """What is known of a value: the files in it, and what it may be."""

    files: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()  # texts
    refs: frozenset[str] = frozenset()  # what was imported, by its full name
    functions: frozenset[Any] = frozenset()  # the code of those of the page
    parts: dict[Any, Value] | None = None  # of a dict by key, of a tuple or list by index


def _any_of(values: Iterable[Value]) -> Value:
    several = list(values)
    names = ("files", "words", "refs", "functions")
    return Value(*(frozenset().union(*(getattr(one, name) for one in several)) for name in names))


def _made_of(values: Iterable[Value], parts: dict[Any, Value] | None = None) -> Value:
    """Give what was made of values in a way that is not followed."""
    of = _any_of(values)
    hidden = {UNKNOWN} if of.refs & _FOLLOWED and parts is None else set()
    return Value(of.files | hidden, functions=of.functions, parts=parts)


def _holding(parts: dict[Any, Value]) -> Value:
    return _made_of(parts.values(), parts)


def _entries(value: Value) -> list[Value] | None:
    """Give what a loop over a value meets, if it is written out: of a dict, its keys."""
    if value.parts is None:
        return None
    if all(isinstance(key, str) for key in value.parts):
        return [Value(words=frozenset([key])) for key in value.parts]
    return list(value.parts.values())


def _named(patterns: dict[str, str], refs: Iterable[str], name: Value) -> Value:
    words = name.words or {UNKNOWN}
    files = {patterns[ref].format(word) for ref in refs for word in words}
    return Value(frozenset(files if name.words else [UNKNOWN]))


class Page:
    """The names of a page, after the cells that were read so far."""

    def __init__(self) -> None:
        self.names: dict[str, Value] = {}
        self.calls: list[str] = []
        self.lost = False
        self._running: list[Any] = []

    def read(self, source: str) -> tuple[list[str], set[str]]:
        """Read a cell; return what it calls of what was imported, in order, and the files in it."""
        self.calls = []
        try:
            found = self._block(ast.parse(source).body)
        except SyntaxError:  # such as a magic command, after which any name may be anything
            self.lost, found = True, Value()
        return self.calls, {*found.files, *([UNKNOWN] if self.lost else [])}

    def _block(self, statements: list[ast.stmt]) -> Value:
        return _any_of([self._statement(statement) for statement in statements])

    def _statement(self, node: ast.stmt) -> Value:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node)
                return Value()
            case ast.FunctionDef(name=name):
                self.names[name] = Value(functions=frozenset([node]))
                return Value()
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                found = self._value(value)
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self._bind(target, found)
                return found
            case ast.AugAssign(target=target, value=value):
                found = Value(self._value(target).files | self._value(value).files)
                self._bind(target, found)
                return found
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name) as base))):
                found = self._value(node.value)
                if not self._value(base).refs:  # rows.append(row): called for what it does to them
                    self.names[name] = Value(found.files)
                return found
            case ast.ClassDef() | ast.AsyncFunctionDef() | ast.Match():  # no page has one
                self.lost = True
        return self._compound(node)

    def _compound(self, node: ast.stmt) -> Value:
        """Read what holds blocks: each may be run again and again, or not at all."""
        found = []
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr) and part is not getattr(node, "target", None):
                found.append(self._value(part))
            elif isinstance(part, ast.withitem):
                found.append(self._value(part.context_expr))
                if part.optional_vars:
                    self._bind(part.optional_vars, found[-1])
        if isinstance(node, ast.For):
            iterated = self._value(node.iter)
            self._bind(node.target, _any_of(_entries(iterated) or [Value(iterated.files)]))
        parts = [node, *getattr(node, "handlers", [])]
        blocks = [getattr(part, name, []) for part in parts for name in ("body", "orelse")]
        for block in [*blocks, getattr(node, "finalbody", [])] * 2:
            before = dict(self.names)
            found.append(self._block(block))
            for name, value in before.items():
                if self.names[name] != value:
                    self.names[name] = _any_of([value, self.names[name]])
        return _any_of(found)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        of = "" if isinstance(node, ast.Import) else f"{node.module}."
        for alias in node.names:
            first = alias.name.partition(".")[0]
            full = alias.name if of or alias.asname else first
            self.lost = self.lost or full == "*"
            self.names[alias.asname or first] = Value(refs=frozenset([of + full]))

    def _bind(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                each = list((value.parts or {}).values())
                if len(each) != len(targets) or any(isinstance(t, ast.Starred) for t in targets):
                    each = [Value(value.files)] * len(targets)
                for part, one in zip(targets, each, strict=True):
                    self._bind(part, one)
            case ast.Starred(value=inner):
                self._bind(inner, Value(value.files))
            case ast.Subscript(value=inner) | ast.Attribute(value=inner):  # changes the whole
                self._bind(inner, Value(self._value(inner).files | value.files))

    def _value(self, node: ast.AST) -> Value:
        match node:
            case ast.Constant(value=str(text)):
                path = _PATH.fullmatch(text)
                return Value(frozenset(path.groups() if path else ()), frozenset([text]))
            case ast.JoinedStr(values=pieces):
                texts = [one.value for one in pieces if isinstance(one, ast.Constant)]
                if any("results/" in text and " " not in text for text in texts):
                    return Value(frozenset([UNKNOWN]))
            case ast.Name(id=name):
                return self.names.get(name, Value())
            case ast.Attribute(value=inner, attr=name):
                base = self._value(inner)
                files = base.files | ({UNKNOWN} if base.refs & _FOLDERS.keys() else set())
                return Value(files, refs=frozenset(f"{ref}.{name}" for ref in base.refs))
            case ast.NamedExpr(target=target, value=value):
                found = self._value(value)
                self._bind(target, found)
                return found
            case ast.IfExp(test=test, body=body, orelse=orelse):
                chosen = _any_of([self._value(body), self._value(orelse)])
                return replace(chosen, files=chosen.files | self._value(test).files)
            case ast.Lambda():
                return Value(self._run(node, {}), functions=frozenset([node]))
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                if not any(isinstance(element, ast.Starred) for element in elements):
                    return _holding(dict(enumerate(map(self._value, elements))))
            case ast.Dict(keys=keys, values=values):
                if all(isinstance(key, ast.Constant) for key in keys):
                    found = map(self._value, values)
                    return _holding({key.value: v for key, v in zip(keys, found, strict=True)})
            case ast.Subscript(value=inner, slice=index):
                base, at = self._value(inner), self._value(index)
                keys = at.words or {getattr(index, "value", None)}
                if base.parts and keys <= base.parts.keys():
                    return _any_of([base.parts[key] for key in keys])
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                if folders := self._value(left).refs & _FOLDERS.keys():
                    return _named(_FOLDERS, folders, self._value(right))
            case ast.DictComp() | ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return self._comprehension(node)
            case ast.Call():
                return self._called(node)
        return _made_of(map(self._value, ast.iter_child_nodes(node)))

    def _comprehension(self, node: Any) -> Value:
        """Read entry by entry where what it goes through is written out."""
        outside, first = dict(self.names), node.generators[0]
        iterated = self._value(first.iter)
        several = _entries(iterated) or [Value(iterated.files)]
        alone = len(node.generators) == 1 and not first.ifs and _entries(iterated)
        files, parts = set(iterated.files if not alone else ()), {}
        for number, entry in enumerate(several if alone else [_any_of(several)]):
            self._bind(first.target, entry)
            for more in node.generators[1:]:
                found = self._value(more.iter)
                self._bind(more.target, _any_of(_entries(found) or [Value(found.files)]))
            tests = [self._value(test) for one in node.generators for test in one.ifs]
            files |= _any_of(tests).files
            key = self._value(node.key) if isinstance(node, ast.DictComp) else Value()
            made = self._value(node.value if isinstance(node, ast.DictComp) else node.elt)
            parts[next(iter(key.words), number)] = made
        self.names = outside
        whole = _holding(parts)
        return whole if alone else Value(whole.files | files)

    def _called(self, node: ast.Call) -> Value:
        """Read a call: a reader of results/, a function of the page, or any other."""
        function, given = self._value(node.func), [self._value(one) for one in node.args]
        named = {one.arg: self._value(one.value) for one in node.keywords}
        arguments = [*given, *named.values()]
        self.calls += sorted(function.refs)
        if readers := function.refs & _READERS.keys():
            return _named(_READERS, readers, [*given, named.get("name", Value())][0])
        if isinstance(node.func, ast.Attribute):
            base = self._value(node.func.value)
            if node.func.attr == "values" and base.parts:
                return _holding(dict(enumerate(base.parts.values())))
            if node.func.attr.startswith("with_") and base.files:  # a path beside another
                return Value(frozenset([UNKNOWN]))
        within = [part for one in arguments for part in (one.parts or {}).values()]
        files = function.files | _made_of([*arguments, *within]).files
        if function.refs & _TRAINERS:
            files |= {WEIGHTS}
        for code in sorted(function.functions, key=lambda code: code.lineno):
            every = [argument.arg for argument in code.args.args]
            files |= self._run(code, dict(zip(every, given, strict=False)) | named)
        handed = _any_of(arguments).functions  # will be called, nobody knows with what
        for code in sorted(handed, key=lambda code: code.lineno):
            files |= self._run(code, {})
        return Value(files)

    def _run(self, function: Any, arguments: dict[Any, Value]) -> frozenset[str]:
        """Read the body of a function of the page, with the names that the page has by now."""
        if function in self._running:
            return frozenset()
        outside, every = dict(self.names), ast.walk(function.args)
        self.names |= {one.arg: Value() for one in every if isinstance(one, ast.arg)} | arguments
        self._running.append(function)
        body = function.body
        found = self._block(body) if isinstance(body, list) else self._value(body)
        self._running.pop()
        self.names = outside
        return found.files
