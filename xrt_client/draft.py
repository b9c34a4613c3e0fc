# ruff: noqa: N802, N803 - documented names
"""The parameters and products of a request. Nothing is sent here."""

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


class Draft:
    """What is asked for: global parameters, position parameters, and products with theirs.

    Parameters
    ----------
    user
        Registered e-mail address of the owner.
    silent
        Whether to print nothing.
    """

    def __init__(self, user: str, silent: bool) -> None:
        self.user = user
        self.silent = silent
        self.submitted = False
        self.globals = ParameterSet(GLOBALS, "global")
        self.positions = ParameterSet(POSITIONS, "position")
        self.products: dict[str, ProductRequest] = {}

    def say(self, text: str) -> None:
        if not self.silent:
            print(text)

    def check_editable(self) -> None:
        """Raise RequestInvalid if this draft has been submitted."""
        if self.submitted:
            raise RequestInvalid("this request has been submitted and cannot be changed; make a new one")

    # ---- global parameters -------------------------------------------------------------------------------------

    def setGlobalPars(self, **pars: Unpack[keywords.GlobalPars]) -> None:
        """Set global parameters, by python or wire name.

        Raises
        ------
        RequestInvalid
            A name or a value is not valid (also a ValueError). No parameter has been set.
        RequestTypeInvalid
            A value has the wrong type (also a TypeError). No parameter has been set.
        """
        self.check_editable()
        own: dict[str, Any] = {}
        shared: dict[str, Any] = {}
        for name, value in pars.items():
            (shared if _is_shared(name) else own)[name] = value
        self.positions.check(shared)
        self.globals.set(own, self.say)
        self.positions.set(shared, self.say)

    def getGlobalPars(self, globPar: str = "all", omitShared: bool = True, showUnset: bool = False) -> Any:
        """Return one global parameter (None if it is not set), or a dict of them.

        Parameters
        ----------
        globPar
            Its name, or ``"all"``.
        omitShared
            Whether to leave out the parameters that all positions share.
        showUnset
            Whether to include parameters that are not set, as None.
        """
        if globPar != "all":
            return (self.positions if _is_shared(globPar) else self.globals).get(globPar)
        shared = {} if omitShared else self._shared_globals(unset=True)
        ordered = self.globals.all(unset=True) | shared
        held = self.global_values()
        return {name: value for name, value in ordered.items() if showUnset or name in held}

    def global_values(self) -> dict[str, Any]:
        """Return a copy of the global parameters that are set; those of positions under their wire names."""
        return {**self.globals.all(), **self._shared_globals(unset=False)}

    def _shared_globals(self, *, unset: bool) -> dict[str, Any]:
        return {POSITIONS[name].wire: value for name, value in self.positions.all(unset=unset).items()}

    # ---- products ----------------------------------------------------------------------------------------------

    def hasProd(self, what: str) -> bool:
        """Return whether this product is requested."""
        return kind_of(what).short in self.products

    def addProduct(self, /, what: str, clobber: bool = False, **pars: Any) -> None:
        """Add a product and set its parameters. If a parameter is wrong, the product is not added.

        Parameters
        ----------
        what
            Its long or short name.
        clobber
            Whether to replace a product of this kind that was added before.
        pars
            Parameters of the product, by python or wire name.
        """
        self.check_editable()
        kind = kind_of(what)
        if kind.short in self.products and not clobber:
            raise RequestInvalid(f"the {kind.words} has been added already: remove it, or set clobber=True")
        product = ProductRequest(kind.short, self.positions)
        product.set(pars, self.say)
        self.products[kind.short] = product
        self.say(f"Successfully created a {kind.words}")

    def removeProduct(self, what: str) -> None:
        """Remove a product."""
        self.check_editable()
        kind = self.getProduct(what).kind
        del self.products[kind.short]
        self.say(f"Successfully removed the {kind.words}")

    def getProduct(self, what: str) -> ProductRequest:
        """Return a product, which can be assigned to another request."""
        kind = kind_of(what)
        if kind.short not in self.products:
            raise RequestInvalid(f"this request has no {kind.words}: you have not added it")
        return self.products[kind.short]

    def copyProd(self, what: str, copyFrom: ProductRequest) -> None:
        """Copy a product of another request into this one; later changes of one do not change the other.

        The copy of a position includes the parameters that all positions of a request share.
        """
        self.check_editable()
        kind = kind_of(what)
        if not isinstance(copyFrom, ProductRequest) or copyFrom.kind is not kind:
            raise RequestInvalid(f"only the {kind.words} of another request can be assigned to the {kind.words}")
        self.products[kind.short] = copyFrom.copied_into(self.positions)

    def setProductPars(self, /, what: str, **pars: Any) -> None:
        """Set parameters of a product, by python or wire name."""
        self.check_editable()
        self.getProduct(what).set(pars, self.say)

    def getProductPars(self, what: str, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of a product (None if it is not set), or a dict of them.

        Parameters
        ----------
        what
            Long or short name of the product.
        parName
            Name of the parameter, or ``"all"``.
        showUnset
            Whether to include parameters that are not set, as None.
        """
        product = self.getProduct(what)
        return product.pars(unset=showUnset) if parName == "all" else product.holder(parName).get(parName)

    def removeProductPar(self, what: str, parName: str) -> None:
        """Unset a parameter of a product."""
        self.check_editable()
        self.getProduct(what).holder(parName).remove(parName, self.say)

    def getAllPars(self, showUnset: bool = False) -> dict[str, Any]:
        """Return the global parameters that are set, and a dict of parameters for each product."""
        products = {p.kind.long: p.pars(unset=showUnset) for p in self.products.values()}
        return {**self.getGlobalPars(showUnset=showUnset), **products}

    def short_names(self, what: str | Iterable[str]) -> list[str]:
        """Return the short names of ``"all"`` requested products, of one product or of several."""
        if isinstance(what, str):
            what = list(self.products) if what == "all" else [what]
        return [kind_of(one).short for one in what]

    def requested(self, what: str | Iterable[str]) -> list[str]:
        """Return the same as `short_names`; raise RequestInvalid if one of them is not requested."""
        return [self.getProduct(short).kind.short for short in self.short_names(what)]

    # ---- checking ----------------------------------------------------------------------------------------------

    def isValid(self, what: str | Iterable[str] = "all") -> tuple[bool, str]:
        """Return whether everything needed is set, and a report of what is missing (form: documented).

        Parameters
        ----------
        what
            ``"all"``; or products, to check only these and not the request as a whole.
        """
        report = "".join(self._global_problems()) if what == "all" else ""
        for short in self.short_names(what):
            if short not in self.products:
                problems = f"* You have not requested a {KINDS[short].words}.\n"
            else:
                problems = self._missing_global("centroid") if short in NEED_CENTROID else ""
                problems += "".join(self.products[short].problems())
            if problems:
                report += f"\n{KINDS[short].words} problems:\n{problems}"
        return (not report, f"The following problems were found:\n{report}" if report else "")

    def _global_problems(self) -> list[str]:
        problems = [] if self.products else ["* No products have been requested.\n"]
        skipped = NOT_FOR_SOURCES_ALONE if list(self.products) == ["sourceDet"] else ()
        problems += [self._missing_global(name) for name in NEEDED_GLOBALS if name not in skipped]
        if self.globals.values.get("centroid"):
            problems.append(self._missing_global("posErr"))
        problems += [
            f"* Global parameter `{POSITIONS[needed].wire}` is not set.\n"
            for name, value, needed in _POSITION_NEEDS
            if self.positions.values.get(name) == value and needed not in self.positions.values
        ]
        radii = {p.own.values["srcrad"] for p in self.products.values() if "srcrad" in p.own.values}
        if len(radii) > 1:
            problems.append("* `srcrad` differs between products, but the service takes only one value.\n")
        return problems

    def _missing_global(self, name: str) -> str:
        """Return the complaint about a missing global parameter; empty if it or its alternative is set."""
        other = ALTERNATIVES.get(name)
        if name in self.globals.values or (other and self.globals.values.get(other)):
            return ""
        nor = f", and nor is the alternative: `{other}`" if other else ""
        return f"* Global parameter `{name}` is not set{nor}.\n"

    # ---- as a document -----------------------------------------------------------------------------------------

    def getJSONDict(self) -> dict[str, Any]:
        """Return what is sent to the service: all parameters that are set, by wire name."""
        document = {**wire.dialect(), "UserID": self.user, **self.globals.document(), **self.positions.document()}
        for product in self.products.values():
            document |= product.document()
        return document

    def getJSON(self) -> str:
        """Return what is sent to the service, as JSON text."""
        return json.dumps(self.getJSONDict())

    def add_products(self, document: Mapping[str, Any]) -> None:
        """Add the products that a wire document asks for, without their parameters."""
        for short, kind in KINDS.items():
            if wire.wants(document, kind.flag):
                self.products[short] = ProductRequest(short, self.positions)

    def read(self, document: Mapping[str, Any], *, from_server: bool) -> list[str]:
        """Take over the values of a wire document; return those that could not be read."""
        unread = self.globals.read(document, triggers=False)
        unread += self.positions.read(document)
        for product in self.products.values():
            unread += product.own.read(document)
        if from_server:
            for name in WORKED_OUT:
                if name in self.globals.values:
                    self.globals.values[name] = False
        return unread


def _is_shared(name: str) -> bool:
    """Return whether a global parameter belongs to the positions; `centMeth` does not."""
    return GLOBALS.find(name) is None and POSITIONS.on_wire(name) is not None
