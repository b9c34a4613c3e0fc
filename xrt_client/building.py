# ruff: noqa: N802, N803 - documented names
"""Building, checking and copying a request. Nothing is sent here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import wire
from .errors import RequestInvalid
from .parameters import (
    ALTERNATIVES,
    GLOBALS,
    KINDS,
    NEED_CENTROID,
    NEEDED_GLOBALS,
    NOT_FOR_SOURCES_ALONE,
    POSITIONS,
    WORKED_OUT,
)
from .product import ParameterSet, ProductRequest, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Unpack

    from . import keywords

_POSITION_NEEDS = (("whichData", "hours", "incHours"), ("whichData", "user", "useObs"))


class RequestBuilder:
    """Parameters and products of a request, before it is sent."""

    def __init__(self, user: str, silent: bool) -> None:
        self._user = user
        self._silent = silent
        self._submitted = False
        self._clear()

    def _clear(self) -> None:
        """Forget all parameters and products."""
        self._globals = ParameterSet(GLOBALS, "global")
        self._positions = ParameterSet(POSITIONS, "position")
        self._products: dict[str, ProductRequest] = {}
        self._submitted = False

    def __str__(self) -> str:
        lines = [f"XRTProductRequest object for user `{self._user}`, with the following products requested:"]
        return "\n".join(lines + [f"* {product.kind.words}" for product in self._products.values()]) + "\n"

    def __repr__(self) -> str:
        return f"<XRTProductRequest of {self._user}: {', '.join(self._products) or 'no products'}>"

    def _say(self, text: str) -> None:
        if not self._silent:
            print(text)

    def _editable(self) -> None:
        if self._submitted:
            raise RequestInvalid("this request has been submitted and cannot be changed; make a new one")

    # ---- what it is --------------------------------------------------------------------------------------------

    @property
    def UserID(self) -> str:
        """Registered e-mail address of the owner."""
        return self._user

    @UserID.setter
    def UserID(self, email: str) -> None:
        self._editable()
        self._user = email

    @property
    def silent(self) -> bool:
        """Whether nothing is printed."""
        return self._silent

    @silent.setter
    def silent(self, silent: bool) -> None:
        if not isinstance(silent, bool):
            raise RequestInvalid("silent must be a bool")
        self._silent = silent

    @property
    def submitted(self) -> bool:
        """Whether the service has accepted this request."""
        return self._submitted

    @property
    def productList(self) -> list[str]:
        """Short names of the products asked for."""
        return list(self._products)

    @property
    def globalPars(self) -> dict[str, Any]:
        """The global parameters that are set, the shared ones under their wire names; a copy."""
        return {**self._globals.all(), **self._shared_globals(unset=False)}

    def _shared_globals(self, *, unset: bool) -> dict[str, Any]:
        return {POSITIONS[name].wire: value for name, value in self._positions.all(unset=unset).items()}

    # ---- global parameters -------------------------------------------------------------------------------------

    def setGlobalPars(self, **pars: Unpack[keywords.GlobalPars]) -> None:
        """Set global parameters, by python or wire name.

        Raises
        ------
        RequestInvalid
            There is no such parameter, or it does not take this value (also a ValueError).
        RequestTypeInvalid
            The value has the wrong type (also a TypeError).
        """
        self._editable()
        own: dict[str, Any] = {}
        shared: dict[str, Any] = {}
        for name, value in pars.items():
            (shared if _is_shared(name) else own)[name] = value
        self._positions.check(shared)
        self._globals.set(own, self._say)
        self._positions.set(shared, self._say)

    def getGlobalPars(self, globPar: str = "all", omitShared: bool = True, showUnset: bool = False) -> Any:
        """Return one global parameter (None if unset), or a dict of them.

        Parameters
        ----------
        globPar
            Its name, or ``"all"``.
        omitShared
            Whether to leave out those that the positions share.
        showUnset
            Whether to give those that are not set too, as None.
        """
        if globPar != "all":
            return (self._positions if _is_shared(globPar) else self._globals).get(globPar)
        ordered = self._globals.all(unset=True)
        if not omitShared:
            ordered |= self._shared_globals(unset=True)
        held = self.globalPars
        return {name: value for name, value in ordered.items() if showUnset or name in held}

    # ---- products ----------------------------------------------------------------------------------------------

    def hasProd(self, what: str) -> bool:
        """Whether this product is asked for."""
        return kind_of(what).short in self._products

    def addProduct(self, what: str, clobber: bool = False, **pars: Any) -> None:
        """Add a product and set its parameters; neither happens if a parameter is wrong.

        Parameters
        ----------
        what
            Its long or short name.
        clobber
            Whether a product of this kind that is there already is replaced.
        """
        self._editable()
        kind = kind_of(what)
        if kind.short in self._products and not clobber:
            raise RequestInvalid(f"this request has a {kind.words} already: remove it, or set clobber=True")
        product = ProductRequest(kind.short, self._positions)
        product.set(pars, self._say)
        self._products[kind.short] = product
        self._say(f"Successfully created a {kind.words}")

    def removeProduct(self, what: str) -> None:
        """Remove a product."""
        self._editable()
        del self._products[self.getProduct(what).kind.short]
        self._say(f"Successfully removed the {kind_of(what).words}")

    def getProduct(self, what: str) -> ProductRequest:
        """Return a product, to assign it to another request."""
        kind = kind_of(what)
        if kind.short not in self._products:
            raise RequestInvalid(f"You have not added a {kind.words} to this request!")
        return self._products[kind.short]

    def copyProd(self, what: str, copyFrom: ProductRequest) -> None:
        """Copy a product of another request into this one; the two stay independent.

        Position parameters, which all positions of a request share, come along.
        """
        self._editable()
        kind = kind_of(what)
        if not isinstance(copyFrom, ProductRequest) or copyFrom.kind is not kind:
            raise RequestInvalid(f"only a {kind.words} of another request can be assigned to a {kind.words}")
        self._products[kind.short] = copyFrom.copied_into(self._positions)

    def setProductPars(self, what: str, **pars: Any) -> None:
        """Set parameters of a product, by python or wire name."""
        self._editable()
        self.getProduct(what).set(pars, self._say)

    def getProductPars(self, what: str, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of a product (None if unset), or a dict of those that are set."""
        product = self.getProduct(what)
        return product.pars(unset=showUnset) if parName == "all" else product.holder(parName).get(parName)

    def removeProductPar(self, what: str, parName: str) -> None:
        """Unset a parameter of a product."""
        self._editable()
        self.getProduct(what).holder(parName).remove(parName, self._say)

    def getAllPars(self, showUnset: bool = False) -> dict[str, Any]:
        """Return all parameters that are set: globals, and a dict for each product."""
        products = {p.kind.long: p.pars(unset=showUnset) for p in self._products.values()}
        return {**self.getGlobalPars(showUnset=showUnset), **products}

    # ---- checking ----------------------------------------------------------------------------------------------

    def isValid(self, what: str | Iterable[str] = "all") -> tuple[bool, str]:
        """Return whether everything needed is set, and a report of what is not (form: documented).

        Parameters
        ----------
        what
            ``"all"``, or products: then only these are checked, and not the request as a whole.
        """
        whole = isinstance(what, str) and what == "all"
        report = "".join(self._global_problems()) if whole else ""
        for short in self._chosen(what, must_exist=False):
            if problems := self._product_problems(short):
                report += f"\n{KINDS[short].words} problems:\n{''.join(problems)}"
        return (not report, f"The following problems were found:\n{report}" if report else "")

    def _global_problems(self) -> list[str]:
        problems = [] if self._products else ["* No products have been requested.\n"]
        skipped = NOT_FOR_SOURCES_ALONE if list(self._products) == ["sourceDet"] else ()
        problems += [self._lacking(name) for name in NEEDED_GLOBALS if name not in skipped]
        if self._globals.values.get("centroid"):
            problems.append(self._lacking("posErr"))
        problems += [
            f"* Global parameter `{POSITIONS[needed].wire}` is not set.\n"
            for name, value, needed in _POSITION_NEEDS
            if self._positions.values.get(name) == value and needed not in self._positions.values
        ]
        radii = {p.own.values["srcrad"] for p in self._products.values() if "srcrad" in p.own.values}
        if len(radii) > 1:
            problems.append("* `srcrad` differs between products, but the service takes only one value.\n")
        return [problem for problem in problems if problem]

    def _product_problems(self, short: str) -> list[str]:
        if short not in self._products:
            return [f"* You have not requested a {KINDS[short].words}.\n"]
        needed = [self._lacking("centroid")] if short in NEED_CENTROID else []
        return [problem for problem in needed + self._products[short].problems() if problem]

    def _lacking(self, name: str) -> str:
        """Return the complaint about a missing global parameter; empty if it or its alternative is set."""
        other = ALTERNATIVES.get(name)
        if name in self._globals.values or (other and self._globals.values.get(other)):
            return ""
        nor = f", and nor is the alternative: `{other}`" if other else ""
        return f"* Global parameter `{name}` is not set{nor}.\n"

    def _chosen(self, what: str | Iterable[str], *, must_exist: bool = True) -> list[str]:
        """Return short names for ``"all"``, one product or several."""
        if isinstance(what, str):
            what = list(self._products) if what == "all" else [what]
        chosen = [kind_of(one).short for one in what]
        for short in chosen:
            if must_exist and short not in self._products:
                raise RequestInvalid(f"You did not request a {KINDS[short].words}!")
        return chosen

    # ---- as a document -----------------------------------------------------------------------------------------

    def getJSONDict(self) -> dict[str, Any]:
        """Return what would be sent: everything that is set, by wire name."""
        document = {**wire.dialect(), "UserID": self._user, **self._globals.document(), **self._positions.document()}
        for product in self._products.values():
            document |= product.document()
        return document

    def getJSON(self) -> str:
        """Return what would be sent, as JSON text."""
        return json.dumps(self.getJSONDict())

    def setFromJSON(self, JSONVals: str | Mapping[str, Any], fromServer: bool = False) -> None:
        """Become what a document describes; everything set so far is forgotten.

        Parameters
        ----------
        JSONVals
            From `getJSON` or `getJSONDict`, or the `jobPars` of an answer; as text or as a dict.
        fromServer
            Whether they are `jobPars`: values the service worked out are then kept, and not worked out anew.
        """
        document = wire.parse_document(JSONVals)
        self._clear()
        for short, kind in KINDS.items():
            if wire.wants(document, kind.flag):
                self._products[short] = ProductRequest(short, self._positions)
        self._take(document, from_server=fromServer)

    SetFromJSON = setFromJSON  # the documentation has both spellings

    def _take(self, document: Mapping[str, Any], *, from_server: bool) -> list[str]:
        """Take over all values of a document; return those that could not be read."""
        unread = self._globals.read(document, triggers=False)
        unread += self._positions.read(document)
        for product in self._products.values():
            unread += product.own.read(document)
        if from_server:
            for name in WORKED_OUT:
                if name in self._globals.values:
                    self._globals.values[name] = False
        return unread


def _is_shared(name: str) -> bool:
    """Whether a global parameter is one that the positions share; `centMeth` is not."""
    return GLOBALS.find(name) is None and POSITIONS.on_wire(name) is not None
