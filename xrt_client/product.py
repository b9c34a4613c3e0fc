"""One product of a request, with its parameters, which are checked when they are set. Nothing is sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import wire
from .errors import RequestInvalid, RequestTypeInvalid
from .parameters import ANY, KINDS, POSITIONS, REMOVED, SHORT, Kind, Parameter, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class ParameterSet:
    """Values of the parameters of one table.

    Parameters
    ----------
    table
        The parameters that can be set.
    words
        What the parameters belong to, for messages.
    """

    def __init__(self, table: Table, words: str) -> None:
        self.table = table
        self.words = words
        self.values: dict[str, Any] = {}

    def find(self, name: str) -> Parameter:
        """Return the parameter with this name in python or on the wire."""
        if (parameter := self.table.find(name)) is None:
            raise RequestInvalid(f"`{name}` is not a recognised {self.words} parameter")
        return parameter

    def set(self, given: Mapping[str, Any], say: Callable[[str], None] = lambda _: None) -> None:
        """Set parameters and apply their triggers; all are checked before the first is set."""
        self._put(self.check(given), say)

    def check(self, given: Mapping[str, Any]) -> list[tuple[Parameter, Any]]:
        """Return parameters with the values to keep; raise RequestInvalid if a name or value is not valid."""
        checked = []
        for name, value in given.items():
            parameter = self.find(name)
            try:
                kept = wire.given_value(parameter, value)
            except TypeError as error:
                wanted = " or ".join(kind.__name__ for kind in parameter.types)
                text = f"{parameter.name} should be {wanted}, but you supplied {type(value).__name__}: {value!r}"
                raise RequestTypeInvalid(text) from error
            if parameter.allowed and kept not in parameter.allowed:
                options = ", ".join(parameter.allowed)
                raise RequestInvalid(f"'{kept}' is not a valid value for {parameter.name}. Options are: {options}.")
            checked.append((parameter, kept))
        return checked

    def _put(self, checked: list[tuple[Parameter, Any]], say: Callable[[str], None]) -> None:
        given = {parameter.name for parameter, _ in checked}
        for parameter, value in checked:
            self.values[parameter.name] = value
            self._apply_triggers(parameter, (value, ANY), given - {"whichData", "useObs"}, say)

    def _apply_triggers(
        self, parameter: Parameter, values: tuple[Any, ...], given: Iterable[str], say: Callable[[str], None]
    ) -> None:
        """Apply the triggers of some values; a parameter given in the same call is not changed."""
        for trigger in parameter.triggers:
            if trigger.value not in values or trigger.parameter in given:
                continue
            if trigger.becomes is None:
                self.values.pop(trigger.parameter, None)
            else:
                self.values[trigger.parameter] = trigger.becomes
            say(f"Also setting {trigger.parameter} = {trigger.becomes}")

    def get(self, name: str) -> Any:
        """Return a value, or None if it is not set."""
        return self.values.get(self.find(name).name)

    def all(self, *, unset: bool = False) -> dict[str, Any]:
        """Return the values in the order they were set; with `unset` of all parameters, in the order of the table."""
        return {name: self.values.get(name) for name in self.table} if unset else dict(self.values)

    def remove(self, name: str, say: Callable[[str], None] = lambda _: None) -> None:
        """Unset a parameter, if it is set."""
        parameter = self.find(name)
        if self.values.pop(parameter.name, None) is not None:
            self._apply_triggers(parameter, (REMOVED,), (), say)

    def read(self, document: Mapping[str, Any], *, triggers: bool = True) -> list[str]:
        """Take over the values of a wire document; return those that could not be read."""
        checked, unread = [], []
        for name, value in document.items():
            if (parameter := self.table.on_wire(name)) is None or value is None or value == "":
                continue
            try:
                checked.append((parameter, wire.read_value(parameter, value)))
            except (ValueError, TypeError, OverflowError):
                unread.append(f"{name}={value!r}")
        if triggers:
            self._put(checked, lambda _: None)
        else:
            self.values.update((parameter.name, value) for parameter, value in checked)
        return unread

    def missing(self, needed: Iterable[str]) -> list[str]:
        """Return those of `needed` that are not set."""
        return [name for name in needed if name not in self.values]

    def document(self) -> dict[str, Any]:
        """Return the values by wire name, as they are sent."""
        return {self.table[name].wire: wire.write_value(value) for name, value in self.values.items()}

    def replace(self, other: ParameterSet) -> None:
        """Copy all values of another set of the same table."""
        self.values = {name: list(v) if isinstance(v, list) else v for name, v in other.values.items()}


def kind_of(what: object) -> Kind:
    """Return the kind of product with this long or short name."""
    if not isinstance(what, str) or what not in SHORT:
        raise RequestInvalid(f"The product type {what} does not exist.")
    return KINDS[SHORT[what]]


class ProductRequest:
    """One product of a request, which can be copied into another request.

    Parameters
    ----------
    what
        Its long or short name.
    shared
        Position parameters of the request that it belongs to; default: its own.
    """

    def __init__(self, what: str, shared: ParameterSet | None = None) -> None:
        self.kind = kind_of(what)
        self.own = ParameterSet(self.kind.table, self.kind.words)
        self.shared = ParameterSet(POSITIONS, "position") if shared is None else shared
        self.own.values.update(self.kind.presets or {})
        self.complete = False

    @property
    def prodType(self) -> str:  # noqa: N802 - documented name
        """Short name of the kind of product."""
        return self.kind.short

    def sets(self) -> tuple[ParameterSet, ...]:
        """Return the sets of parameters of this product."""
        return (self.own, self.shared) if self.kind.positional else (self.own,)

    def holder(self, name: str) -> ParameterSet:
        """Return the set that has this parameter."""
        return next((held for held in self.sets() if held.table.find(name)), self.own)

    def set(self, given: Mapping[str, Any], say: Callable[[str], None]) -> None:
        """Set parameters; all are checked before the first is set."""
        parts: dict[int, tuple[ParameterSet, dict[str, Any]]] = {}
        for name, value in given.items():
            held = self.holder(name)
            held.check({name: value})
            parts.setdefault(id(held), (held, {}))[1][name] = value
        for held, part in parts.values():
            held.set(part, say)

    def pars(self, *, unset: bool = False) -> dict[str, Any]:
        """Return the parameters by python name."""
        return {name: value for held in self.sets() for name, value in held.all(unset=unset).items()}

    def copied_into(self, shared: ParameterSet) -> ProductRequest:
        """Return a copy for another request, with the position parameters of that request."""
        copy = ProductRequest(self.kind.short, shared)
        for mine, theirs in zip(copy.sets(), self.sets(), strict=True):
            mine.replace(theirs)
        return copy

    def problems(self) -> list[str]:
        """Return a line for each own parameter that is needed but not set."""
        needed = list(self.kind.needs)
        for name, value, then in self.kind.needs_if:
            if self.own.values.get(name) == value:
                needed += then
        return [f"* The {self.kind.words} parameter `{name}` is not set.\n" for name in self.own.missing(needed)]

    def document(self) -> dict[str, Any]:
        """Return the flag and the own parameters as they are sent."""
        return {self.kind.flag: 1, **self.own.document()}
