"""Descriptor for a method of an object that another object is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


class Delegate(Generic[P, R]):
    """Method of a part, seen on the whole.

    The bound method of the part itself is returned: help, editors, type checkers and tracebacks show its signature
    and its docstring.

    Parameters
    ----------
    part
        Returns the part of a given whole.
    method
        Method of the part, or function that takes the part first.
    """

    def __init__(self, part: Callable[[Any], object], method: Callable[Concatenate[Any, P], R]) -> None:
        self._part = part
        self._method = method

    @overload
    def __get__(self, whole: None, owner: type) -> Callable[Concatenate[Any, P], R]: ...
    @overload
    def __get__(self, whole: object, owner: type) -> Callable[P, R]: ...
    def __get__(self, whole: object, owner: type) -> Any:
        return self._method if whole is None else self._method.__get__(self._part(whole))
