# ruff: noqa: N802, N803 - documented names
"""The documented methods of each single product, all shorthand for the generic ones.

Written out, so that editors know the methods and their keywords.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .building import RequestBuilder

if TYPE_CHECKING:
    from typing import Unpack

    from . import keywords
    from .product import ProductRequest


class Shorthand(RequestBuilder):
    """A request with six methods and a property for each product."""

    # ---- light curve -----------------------------------------------------------------------------------------

    @property
    def LightCurve(self) -> ProductRequest:
        """The light curve; assigning one from another request copies it."""
        return self.getProduct("lc")

    @LightCurve.setter
    def LightCurve(self, other: ProductRequest) -> None:
        self.copyProd("lc", other)

    @property
    def hasLightCurve(self) -> bool:
        """Whether this request has a light curve."""
        return self.hasProd("lc")

    def addLightCurve(self, clobber: bool = False, **pars: Unpack[keywords.LightCurvePars]) -> None:
        """Add a light curve."""
        self.addProduct("lc", clobber, **pars)

    def removeLightCurve(self) -> None:
        """Remove the light curve."""
        self.removeProduct("lc")

    def setLightCurvePars(self, **pars: Unpack[keywords.LightCurvePars]) -> None:
        """Set parameters of the light curve."""
        self.setProductPars("lc", **pars)

    def getLightCurvePars(self, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of the light curve, or all that are set."""
        return self.getProductPars("lc", parName, showUnset)

    def removeLightCurvePar(self, parName: str) -> None:
        """Unset a parameter of the light curve."""
        self.removeProductPar("lc", parName)

    # ---- spectrum --------------------------------------------------------------------------------------------

    @property
    def Spectrum(self) -> ProductRequest:
        """The spectrum; assigning one from another request copies it."""
        return self.getProduct("spec")

    @Spectrum.setter
    def Spectrum(self, other: ProductRequest) -> None:
        self.copyProd("spec", other)

    @property
    def hasSpectrum(self) -> bool:
        """Whether this request has a spectrum."""
        return self.hasProd("spec")

    def addSpectrum(self, clobber: bool = False, **pars: Unpack[keywords.SpectrumPars]) -> None:
        """Add a spectrum."""
        self.addProduct("spec", clobber, **pars)

    def removeSpectrum(self) -> None:
        """Remove the spectrum."""
        self.removeProduct("spec")

    def setSpectrumPars(self, **pars: Unpack[keywords.SpectrumPars]) -> None:
        """Set parameters of the spectrum."""
        self.setProductPars("spec", **pars)

    def getSpectrumPars(self, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of the spectrum, or all that are set."""
        return self.getProductPars("spec", parName, showUnset)

    def removeSpectrumPar(self, parName: str) -> None:
        """Unset a parameter of the spectrum."""
        self.removeProductPar("spec", parName)

    # ---- standard position -----------------------------------------------------------------------------------

    @property
    def StandardPos(self) -> ProductRequest:
        """The standard position; assigning one from another request copies it."""
        return self.getProduct("psf")

    @StandardPos.setter
    def StandardPos(self, other: ProductRequest) -> None:
        self.copyProd("psf", other)

    @property
    def hasStandardPos(self) -> bool:
        """Whether this request has a standard position."""
        return self.hasProd("psf")

    def addStandardPos(self, clobber: bool = False, **pars: Unpack[keywords.PositionPars]) -> None:
        """Add a standard position."""
        self.addProduct("psf", clobber, **pars)

    def removeStandardPos(self) -> None:
        """Remove the standard position."""
        self.removeProduct("psf")

    def setStandardPosPars(self, **pars: Unpack[keywords.PositionPars]) -> None:
        """Set parameters of the standard position."""
        self.setProductPars("psf", **pars)

    def getStandardPosPars(self, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of the standard position, or all that are set."""
        return self.getProductPars("psf", parName, showUnset)

    def removeStandardPosPar(self, parName: str) -> None:
        """Unset a parameter of the standard position."""
        self.removeProductPar("psf", parName)

    # ---- enhanced position -----------------------------------------------------------------------------------

    @property
    def EnhancedPos(self) -> ProductRequest:
        """The enhanced position; assigning one from another request copies it."""
        return self.getProduct("enh")

    @EnhancedPos.setter
    def EnhancedPos(self, other: ProductRequest) -> None:
        self.copyProd("enh", other)

    @property
    def hasEnhancedPos(self) -> bool:
        """Whether this request has an enhanced position."""
        return self.hasProd("enh")

    def addEnhancedPos(self, clobber: bool = False, **pars: Unpack[keywords.PositionPars]) -> None:
        """Add an enhanced position."""
        self.addProduct("enh", clobber, **pars)

    def removeEnhancedPos(self) -> None:
        """Remove the enhanced position."""
        self.removeProduct("enh")

    def setEnhancedPosPars(self, **pars: Unpack[keywords.PositionPars]) -> None:
        """Set parameters of the enhanced position."""
        self.setProductPars("enh", **pars)

    def getEnhancedPosPars(self, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of the enhanced position, or all that are set."""
        return self.getProductPars("enh", parName, showUnset)

    def removeEnhancedPosPar(self, parName: str) -> None:
        """Unset a parameter of the enhanced position."""
        self.removeProductPar("enh", parName)

    # ---- astrometric position --------------------------------------------------------------------------------

    @property
    def AstromPos(self) -> ProductRequest:
        """The astrometric position; assigning one from another request copies it."""
        return self.getProduct("xastrom")

    @AstromPos.setter
    def AstromPos(self, other: ProductRequest) -> None:
        self.copyProd("xastrom", other)

    @property
    def hasAstromPos(self) -> bool:
        """Whether this request has an astrometric position."""
        return self.hasProd("xastrom")

    def addAstromPos(self, clobber: bool = False, **pars: Unpack[keywords.AstromPosPars]) -> None:
        """Add an astrometric position."""
        self.addProduct("xastrom", clobber, **pars)

    def removeAstromPos(self) -> None:
        """Remove the astrometric position."""
        self.removeProduct("xastrom")

    def setAstromPosPars(self, **pars: Unpack[keywords.AstromPosPars]) -> None:
        """Set parameters of the astrometric position."""
        self.setProductPars("xastrom", **pars)

    def getAstromPosPars(self, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of the astrometric position, or all that are set."""
        return self.getProductPars("xastrom", parName, showUnset)

    def removeAstromPosPar(self, parName: str) -> None:
        """Unset a parameter of the astrometric position."""
        self.removeProductPar("xastrom", parName)

    # ---- image -----------------------------------------------------------------------------------------------

    @property
    def Image(self) -> ProductRequest:
        """The image; assigning one from another request copies it."""
        return self.getProduct("image")

    @Image.setter
    def Image(self, other: ProductRequest) -> None:
        self.copyProd("image", other)

    @property
    def hasImage(self) -> bool:
        """Whether this request has an image."""
        return self.hasProd("image")

    def addImage(self, clobber: bool = False, **pars: Unpack[keywords.ImagePars]) -> None:
        """Add an image."""
        self.addProduct("image", clobber, **pars)

    def removeImage(self) -> None:
        """Remove the image."""
        self.removeProduct("image")

    def setImagePars(self, **pars: Unpack[keywords.ImagePars]) -> None:
        """Set parameters of the image."""
        self.setProductPars("image", **pars)

    def getImagePars(self, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of the image, or all that are set."""
        return self.getProductPars("image", parName, showUnset)

    def removeImagePar(self, parName: str) -> None:
        """Unset a parameter of the image."""
        self.removeProductPar("image", parName)

    # ---- source detection ------------------------------------------------------------------------------------

    @property
    def SourceDet(self) -> ProductRequest:
        """The source detection; assigning one from another request copies it."""
        return self.getProduct("sourceDet")

    @SourceDet.setter
    def SourceDet(self, other: ProductRequest) -> None:
        self.copyProd("sourceDet", other)

    @property
    def hasSourceDet(self) -> bool:
        """Whether this request has a source detection."""
        return self.hasProd("sourceDet")

    def addSourceDet(self, clobber: bool = False, **pars: Unpack[keywords.SourceDetPars]) -> None:
        """Add a source detection."""
        self.addProduct("sourceDet", clobber, **pars)

    def removeSourceDet(self) -> None:
        """Remove the source detection."""
        self.removeProduct("sourceDet")

    def setSourceDetPars(self, **pars: Unpack[keywords.SourceDetPars]) -> None:
        """Set parameters of the source detection."""
        self.setProductPars("sourceDet", **pars)

    def getSourceDetPars(self, parName: str = "all", showUnset: bool = False) -> Any:
        """Return one parameter of the source detection, or all that are set."""
        return self.getProductPars("sourceDet", parName, showUnset)

    def removeSourceDetPar(self, parName: str) -> None:
        """Unset a parameter of the source detection."""
        self.removeProductPar("sourceDet", parName)
