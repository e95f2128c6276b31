"""Drop-in folders and entry points: the file is the registration, its name is the public name.

Lists a package's files without importing them, imports one on first use, and takes the one
constant named after the socket. Refuses to know what the drop-ins do.
The only place in the house that imports by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import import_module, resources
from importlib.resources.abc import Traversable
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from weft.errors import UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(Generic[T]):
    """The drop-ins of one socket, loaded on first use.

    >>> Registry("weft.providers", "provider", what="provider").names()  # doctest: +SKIP
    ['anthropic', 'gemini', 'local', 'openai']
    """

    def __init__(
        self,
        package: str,
        constant: str,
        *,
        group: str | None = None,
        what: str = "",
        suffixes: Sequence[str] = (".py",),
        load: Callable[[str, Traversable], T] | None = None,
    ) -> None:
        """Describe a socket; nothing is listed or imported yet.

        Args:
            package: dotted name of the drop-in folder, such as `weft.providers`.
            constant: the name in each file that holds the drop-in, such as `provider`.
            group: entry-point group of third-party drop-ins; `None` = `weft.` and the last part
                of `package`. A file of the house wins over an entry point of the same name.
            what: the kind of thing in the singular, for messages; empty = `constant`.
            suffixes: endings of the files that are drop-ins; the name is what stands before.
            load: makes a drop-in from name and file where it is no Python file.
        """
        self._package = package
        self._constant = constant
        self._group = f"weft.{package.rpartition('.')[2]}" if group is None else group
        self._what = what or constant
        self._suffixes = tuple(suffixes)
        self._load = load
        self._loaded: dict[str, T] = {}

    def names(self) -> list[str]:
        """Every name, sorted; imports no drop-in."""
        return sorted({*self._files, *self._points})

    def __contains__(self, name: object) -> bool:
        return name in self._files or name in self._points

    def get(self, name: str) -> T:
        """Load a drop-in; the second time it is the same one.

        Raises:
            UnknownName: if there is none of this name; with the nearest ones.
            TypeError: if its file lacks the constant: a mistake of whoever wrote the drop-in.
        """
        if name not in self._loaded:
            self._loaded.setdefault(name, self._open(name))  # atomic: two threads agree on the first
        return self._loaded[name]

    @cached_property
    def _files(self) -> dict[str, Traversable]:
        files: dict[str, Traversable] = {}
        for file in resources.files(self._package).iterdir():
            suffix = next((s for s in self._suffixes if file.name.endswith(s)), None)
            if suffix and not file.name.startswith(("_", ".")):
                files[file.name.removesuffix(suffix)] = file
        return files

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        # 20 ms that nobody need wait for who uses the drop-ins of the house
        from importlib.metadata import entry_points  # noqa: PLC0415 - see above

        return {point.name: point for point in entry_points(group=self._group)}

    def _open(self, name: str) -> T:
        if name in self._files:
            if self._load is not None:
                return self._load(name, self._files[name])
            module = f"{self._package}.{name}"
            return self._take(import_module(module), module)
        if name in self._points:
            return self._take(self._points[name].load(), self._points[name].value)
        raise UnknownName.among(self._what, name, self.names())

    def _take(self, found: object, place: str) -> T:
        """The constant of a module; an entry point may also name the thing itself."""
        if not isinstance(found, ModuleType):
            return cast("T", found)
        if not hasattr(found, self._constant):
            raise TypeError(f"`{place}` has no `{self._constant}`, which every {self._what} must define")
        return cast("T", getattr(found, self._constant))
