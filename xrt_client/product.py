"""One product of a request: its parameters, checked as they are set. Nothing is sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import wire
from .errors import RequestInvalid, RequestTypeInvalid
from .parameters import ANY, KINDS, POSITIONS, REMOVED, SHORT, Kind, Parameter, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class ParameterSet:
    """Parameters of one table, with the values set so far.

    Parameters
    ----------
    table
        What may be set.
    words
        Whose parameters they are, for messages.
    """

    def __init__(self, table: Table, words: str) -> None:
        self.table = table
        self.words = words
        self.values: dict[str, Any] = {}

    def find(self, name: str) -> Parameter:
        """Return the parameter of this name in python or on the wire."""
        if (parameter := self.table.find(name)) is None:
            raise RequestInvalid(f"`{name}` is not a recognised {self.words} parameter")
        return parameter

    def set(self, given: Mapping[str, Any], say: Callable[[str], None] = lambda _: None) -> None:
        """Set parameters and what follows from them; all are checked before the first is set."""
        self._put(self.check(given), say)

    def check(self, given: Mapping[str, Any]) -> list[tuple[Parameter, Any]]:
        """Return parameters with their values as they would be kept, or raise what is wrong with them."""
        return [(parameter := self.find(name), _checked(parameter, value)) for name, value in given.items()]

    def _put(self, checked: list[tuple[Parameter, Any]], say: Callable[[str], None]) -> None:
        given = {parameter.name for parameter, _ in checked}
        for parameter, value in checked:
            self.values[parameter.name] = value
            self._follow(parameter, (value, ANY), given - {"whichData", "useObs"}, say)

    def _follow(
        self, parameter: Parameter, happened: tuple[Any, ...], given: Iterable[str], say: Callable[[str], None]
    ) -> None:
        """Pull the triggers; what the caller gave in the same call is left alone."""
        for trigger in parameter.triggers:
            if trigger.value not in happened or trigger.parameter in given:
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
        """Return what is set, in the order it was set; with `unset` all, in the order of the table."""
        return {name: self.values.get(name) for name in self.table} if unset else dict(self.values)

    def remove(self, name: str, say: Callable[[str], None] = lambda _: None) -> None:
        """Unset a parameter; nothing happens if it is not set."""
        parameter = self.find(name)
        if self.values.pop(parameter.name, None) is not None:
            self._follow(parameter, (REMOVED,), (), say)

    def read(self, document: Mapping[str, Any], *, triggers: bool = True) -> list[str]:
        """Take over the values of a wire document that belong here; return those that could not be read."""
        checked, unread = [], []
        for name, value in document.items():
            if (parameter := self.table.on_wire(name)) is None or value is None or value == "":
                continue
            try:
                checked.append((parameter, wire.read_value(parameter, value)))
            except (ValueError, TypeError):
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
        """Return the values under their wire names, as they are sent."""
        return {self.table[name].wire: wire.write_value(value) for name, value in self.values.items()}

    def replace(self, other: ParameterSet) -> None:
        """Take over all values of another set of the same table, independently of it."""
        self.values = {name: list(v) if isinstance(v, list) else v for name, v in other.values.items()}


def _checked(parameter: Parameter, value: Any) -> Any:
    """Return the value as it is kept, or raise what the caller has to mend."""
    try:
        value = wire.given_value(parameter, value)
    except TypeError as error:
        wanted = " or ".join(kind.__name__ for kind in parameter.types)
        text = f"{parameter.name} should be {wanted}, but you supplied {type(value).__name__}: {value!r}"
        raise RequestTypeInvalid(text) from error
    if parameter.allowed and value not in parameter.allowed:
        options = ", ".join(parameter.allowed)
        raise RequestInvalid(f"'{value}' is not a valid value for {parameter.name}. Options are: {options}.")
    return value


def kind_of(what: object) -> Kind:
    """Return the kind of product of this long or short name."""
    if not isinstance(what, str) or what not in SHORT:
        raise RequestInvalid(f"The product type {what} does not exist.")
    return KINDS[SHORT[what]]


class ProductRequest:
    """One product of a request, to be copied from one request to another.

    Parameters
    ----------
    what
        Its long or short name.
    shared
        The position parameters of the request it belongs to; its own if it stands alone.
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
        """Return the parameter sets that make up this product."""
        return (self.own, self.shared) if self.kind.positional else (self.own,)

    def holder(self, name: str) -> ParameterSet:
        """Return the set a parameter belongs to."""
        return next((held for held in self.sets() if held.table.find(name)), self.own)

    def set(self, given: Mapping[str, Any], say: Callable[[str], None]) -> None:
        """Set parameters, own and shared; none is set if one is wrong."""
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
        """Return an independent copy that uses the position parameters of another request."""
        copy = ProductRequest(self.kind.short, shared)
        for mine, theirs in zip(copy.sets(), self.sets(), strict=True):
            mine.replace(theirs)
        return copy

    def problems(self) -> list[str]:
        """Return one sentence for each own parameter that is needed and not set."""
        needed = list(self.kind.needs)
        for name, value, then in self.kind.needs_if:
            if self.own.values.get(name) == value:
                needed += then
        return [f"* The {self.kind.words} parameter `{name}` is not set.\n" for name in self.own.missing(needed)]

    def document(self) -> dict[str, Any]:
        """Return the flag and the own parameters as they are sent."""
        return {self.kind.flag: 1, **self.own.document()}
