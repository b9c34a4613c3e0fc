# ruff: noqa: N802, N803 - documented names
"""The documented methods and properties of each single product, such as `addLightCurve` and `hasLightCurve`.

They are short for the methods of `Draft` that take the name of a product. Those with keywords are written out, so that
editors and type checkers know the keywords; their help lists the parameters of the product from the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from .parameters import KINDS, POSITIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from . import keywords
    from .draft import Draft
    from .product import ProductRequest

F = TypeVar("F", bound="Callable[..., None]")


# ---- properties and methods without keywords -------------------------------------------------------------------


class Product:
    """Property: a product of the request. Assigning a product of another request copies it."""

    def __init__(self, short: str) -> None:
        self._short = short
        self.__doc__ = f"The {KINDS[short].words}; assigning that of another request copies it."

    @overload
    def __get__(self, request: None, owner: type) -> Self: ...
    @overload
    def __get__(self, request: object, owner: type) -> ProductRequest: ...
    def __get__(self, request: Any, owner: type) -> Any:
        return self if request is None else request.getProduct(self._short)

    def __set__(self, request: Any, other: ProductRequest) -> None:
        request.copyProd(self._short, other)


class HasProduct:
    """Property: whether a product is requested."""

    def __init__(self, short: str) -> None:
        self._short = short
        self.__doc__ = f"Whether this request has a {KINDS[short].words}."

    @overload
    def __get__(self, request: None, owner: type) -> Self: ...
    @overload
    def __get__(self, request: object, owner: type) -> bool: ...
    def __get__(self, request: Any, owner: type) -> Any:
        return self if request is None else request.hasProd(self._short)

    def __set__(self, request: Any, value: object) -> None:
        raise AttributeError("this attribute cannot be set: add or remove the product")


class OneProduct:
    """One product of a draft."""

    def __init__(self, draft: Draft, short: str) -> None:
        self._draft = draft
        self._short = short

    def remove(self) -> None:
        """Remove this product."""
        self._draft.removeProduct(self._short)

    def getPars(self, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of this product (None if it is not set), or a dict of them.

        Parameters
        ----------
        parName
            Name of the parameter, or ``"all"``.
        showUnset
            Whether to include parameters that are not set, as None.
        """
        return self._draft.getProductPars(self._short, parName, showUnset)

    def removePar(self, parName: str) -> None:
        """Unset a parameter of this product."""
        self._draft.removeProductPar(self._short, parName)


# ---- methods with keywords -------------------------------------------------------------------------------------


def _lists_parameters(short: str) -> Callable[[F], F]:
    """Decorate a function with a list of the parameters of a product in its help."""
    kind = KINDS[short]
    parameters = {**kind.table, **(POSITIONS if kind.positional else {})}.values()

    def decorate(function: F) -> F:
        function.__doc__ = f"{function.__doc__}\n\nParameters\n----------\n" + "\n".join(p.help() for p in parameters)
        return function

    return decorate


@_lists_parameters("lc")
def addLightCurve(draft: Draft, clobber: bool = False, **pars: Unpack[keywords.LightCurvePars]) -> None:
    """Add a light curve; with `clobber` it replaces one that was added before."""
    draft.addProduct("lc", clobber, **pars)


@_lists_parameters("lc")
def setLightCurvePars(draft: Draft, **pars: Unpack[keywords.LightCurvePars]) -> None:
    """Set parameters of the light curve."""
    draft.setProductPars("lc", **pars)


@_lists_parameters("spec")
def addSpectrum(draft: Draft, clobber: bool = False, **pars: Unpack[keywords.SpectrumPars]) -> None:
    """Add a spectrum; with `clobber` it replaces one that was added before."""
    draft.addProduct("spec", clobber, **pars)


@_lists_parameters("spec")
def setSpectrumPars(draft: Draft, **pars: Unpack[keywords.SpectrumPars]) -> None:
    """Set parameters of the spectrum."""
    draft.setProductPars("spec", **pars)


@_lists_parameters("psf")
def addStandardPos(draft: Draft, clobber: bool = False, **pars: Unpack[keywords.PositionPars]) -> None:
    """Add a standard position; with `clobber` it replaces one that was added before."""
    draft.addProduct("psf", clobber, **pars)


@_lists_parameters("psf")
def setStandardPosPars(draft: Draft, **pars: Unpack[keywords.PositionPars]) -> None:
    """Set parameters of the standard position; all positions share them."""
    draft.setProductPars("psf", **pars)


@_lists_parameters("enh")
def addEnhancedPos(draft: Draft, clobber: bool = False, **pars: Unpack[keywords.PositionPars]) -> None:
    """Add an enhanced position; with `clobber` it replaces one that was added before."""
    draft.addProduct("enh", clobber, **pars)


@_lists_parameters("enh")
def setEnhancedPosPars(draft: Draft, **pars: Unpack[keywords.PositionPars]) -> None:
    """Set parameters of the enhanced position; all positions share them."""
    draft.setProductPars("enh", **pars)


@_lists_parameters("xastrom")
def addAstromPos(draft: Draft, clobber: bool = False, **pars: Unpack[keywords.AstromPosPars]) -> None:
    """Add an astrometric position; with `clobber` it replaces one that was added before."""
    draft.addProduct("xastrom", clobber, **pars)


@_lists_parameters("xastrom")
def setAstromPosPars(draft: Draft, **pars: Unpack[keywords.AstromPosPars]) -> None:
    """Set parameters of the astrometric position; all positions share those but `useAllObs`."""
    draft.setProductPars("xastrom", **pars)


@_lists_parameters("image")
def addImage(draft: Draft, clobber: bool = False, **pars: Unpack[keywords.ImagePars]) -> None:
    """Add an image; with `clobber` it replaces one that was added before."""
    draft.addProduct("image", clobber, **pars)


@_lists_parameters("image")
def setImagePars(draft: Draft, **pars: Unpack[keywords.ImagePars]) -> None:
    """Set parameters of the image."""
    draft.setProductPars("image", **pars)


@_lists_parameters("sourceDet")
def addSourceDet(draft: Draft, clobber: bool = False, **pars: Unpack[keywords.SourceDetPars]) -> None:
    """Add a source detection; with `clobber` it replaces one that was added before."""
    draft.addProduct("sourceDet", clobber, **pars)


@_lists_parameters("sourceDet")
def setSourceDetPars(draft: Draft, **pars: Unpack[keywords.SourceDetPars]) -> None:
    """Set parameters of the source detection."""
    draft.setProductPars("sourceDet", **pars)
