# ruff: noqa: N802, N803, N815 - documented names
"""XRTProductRequest: the documented object, made of a draft, a submission and results.

Each documented method is written, with its docstring, in one of these three parts:

- `draft.py`: parameters and products, before anything is sent; `shorthand.py` has the methods of single products;
- `submission.py`: submitting, and following and cancelling the job;
- `results.py`: fetching what the job has made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from . import jobs, shorthand, wire
from .delegate import Delegate
from .draft import Draft
from .errors import RequestInvalid
from .results import Results
from .shorthand import HasProduct, OneProduct, Product
from .submission import STATUS_TEXTS, Submission
from .transport import Service, default_service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .errors import XRTError

P = ParamSpec("P")
R = TypeVar("R")


def countActiveJobs(userID: str, *, service: Service | None = None) -> int:
    """Return how many jobs of this user are queued or running.

    Raises
    ------
    ServiceRejected
        The service does not know this user.
    ServiceUnreachable
        The service did not answer any of several attempts.
    """
    return jobs.count_active(service or default_service(), userID)


def listOldJobs(userID: str, *, service: Service | None = None) -> list[dict[str, Any]]:
    """Return every job of this user, most recent first, as dicts.

    Keys (documented): `JobID`, `Name`, `DateSubmitted` (UTC), one bool for each product, and `hasProd`: whether the
    products still exist. Raises the same exceptions as :func:`countActiveJobs`.
    """
    return jobs.list_old(service or default_service(), userID)


def _draft(method: Callable[Concatenate[Draft, P], R]) -> Delegate[P, R]:
    return Delegate(lambda request: request._draft, method)


def _product(short: str, method: Callable[Concatenate[OneProduct, P], R]) -> Delegate[P, R]:
    return Delegate(lambda request: OneProduct(request._draft, short), method)


def _submission(method: Callable[Concatenate[Submission, P], R]) -> Delegate[P, R]:
    return Delegate(lambda request: request._submission, method)


def _results(method: Callable[Concatenate[Results, P], R]) -> Delegate[P, R]:
    return Delegate(lambda request: request._results, method)


class XRTProductRequest:
    """A request for XRT products, and the job that comes of it.

    Parameters
    ----------
    user
        Your registered e-mail address.
    JSONVals, fromServer
        Parameters to begin with: see :meth:`setFromJSON`.
    silent
        Whether to print nothing.
    useDeprecate
        Accepted for compatibility. True is refused: results in the form of releases before 1.10 are not offered.
    showDepWarnings
        Accepted for compatibility; there is nothing to warn of.
    service
        Address, time limits and retries; default: one service that all requests share.
    """

    useDeprecate = False

    def __init__(
        self,
        user: str,
        JSONVals: str | Mapping[str, Any] | None = None,
        fromServer: bool = False,
        silent: bool = True,
        useDeprecate: bool | None = None,
        showDepWarnings: bool = True,
        *,
        service: Service | None = None,
    ) -> None:
        self.deprecate = self.useDeprecate if useDeprecate is None else useDeprecate
        self.showDepWarnings = showDepWarnings
        self._service = service
        self._begin(user, silent)
        if JSONVals is not None:
            self.setFromJSON(JSONVals, fromServer)

    def _begin(self, user: str, silent: bool) -> None:
        """Forget all parameters, the job and its results."""
        self._draft = Draft(user, silent)
        self._submission = Submission(self._draft, self._service)
        self._results = Results(self._draft, self._submission)

    def __str__(self) -> str:
        lines = [f"XRTProductRequest object for user `{self.UserID}`, with the following products requested:"]
        return "\n".join(lines + [f"* {product.kind.words}" for product in self._draft.products.values()]) + "\n"

    def __repr__(self) -> str:
        return f"<XRTProductRequest of {self.UserID}: {', '.join(self.productList) or 'no products'}>"

    @property
    def UserID(self) -> str:
        """Registered e-mail address of the owner."""
        return self._draft.user

    @UserID.setter
    def UserID(self, email: str) -> None:
        self._draft.check_editable()
        self._draft.user = email

    @property
    def silent(self) -> bool:
        """Whether nothing is printed."""
        return self._draft.silent

    @silent.setter
    def silent(self, silent: bool) -> None:
        if not isinstance(silent, bool):
            raise RequestInvalid(f"silent must be True or False, not {silent!r}")
        self._draft.silent = silent

    @property
    def deprecate(self) -> bool:
        """Whether results have the form of releases before 1.10: always False."""
        return False

    @deprecate.setter
    def deprecate(self, wanted: bool) -> None:
        if wanted:
            raise RequestInvalid("results in the form of releases before 1.10 are not offered: useDeprecate is False")

    @property
    def service(self) -> Service:
        """Address, time limits and retries."""
        return self._submission.service

    # ---- parameters and products -------------------------------------------------------------------------------

    setGlobalPars = _draft(Draft.setGlobalPars)
    getGlobalPars = _draft(Draft.getGlobalPars)
    getAllPars = _draft(Draft.getAllPars)
    isValid = _draft(Draft.isValid)
    getJSON = _draft(Draft.getJSON)
    getJSONDict = _draft(Draft.getJSONDict)
    hasProd = _draft(Draft.hasProd)
    addProduct = _draft(Draft.addProduct)
    removeProduct = _draft(Draft.removeProduct)
    getProduct = _draft(Draft.getProduct)
    copyProd = _draft(Draft.copyProd)
    setProductPars = _draft(Draft.setProductPars)
    getProductPars = _draft(Draft.getProductPars)
    removeProductPar = _draft(Draft.removeProductPar)

    @property
    def productList(self) -> list[str]:
        """Short names of the requested products."""
        return list(self._draft.products)

    @property
    def globalPars(self) -> dict[str, Any]:
        """A copy of the global parameters that are set; those that positions share under their wire names."""
        return self._draft.global_values()

    def setFromJSON(self, JSONVals: str | Mapping[str, Any], fromServer: bool = False) -> None:
        """Take over all parameters from a document; everything set before is forgotten.

        Parameters
        ----------
        JSONVals
            From `getJSON` or `getJSONDict`, or the `jobPars` of an answer; as text or as a dict.
        fromServer
            Whether they are `jobPars`. Then values that the service worked out are kept, and not worked out again.
        """
        document = wire.parse_document(JSONVals)
        self._begin(self.UserID, self.silent)
        self._draft.add_products(document)
        self._draft.read(document, from_server=fromServer)

    SetFromJSON = setFromJSON  # the documentation has both spellings

    # ---- single products ---------------------------------------------------------------------------------------

    LightCurve = Product("lc")
    hasLightCurve = HasProduct("lc")
    addLightCurve = _draft(shorthand.addLightCurve)
    removeLightCurve = _product("lc", OneProduct.remove)
    setLightCurvePars = _draft(shorthand.setLightCurvePars)
    getLightCurvePars = _product("lc", OneProduct.getPars)
    removeLightCurvePar = _product("lc", OneProduct.removePar)

    Spectrum = Product("spec")
    hasSpectrum = HasProduct("spec")
    addSpectrum = _draft(shorthand.addSpectrum)
    removeSpectrum = _product("spec", OneProduct.remove)
    setSpectrumPars = _draft(shorthand.setSpectrumPars)
    getSpectrumPars = _product("spec", OneProduct.getPars)
    removeSpectrumPar = _product("spec", OneProduct.removePar)

    StandardPos = Product("psf")
    hasStandardPos = HasProduct("psf")
    addStandardPos = _draft(shorthand.addStandardPos)
    removeStandardPos = _product("psf", OneProduct.remove)
    setStandardPosPars = _draft(shorthand.setStandardPosPars)
    getStandardPosPars = _product("psf", OneProduct.getPars)
    removeStandardPosPar = _product("psf", OneProduct.removePar)

    EnhancedPos = Product("enh")
    hasEnhancedPos = HasProduct("enh")
    addEnhancedPos = _draft(shorthand.addEnhancedPos)
    removeEnhancedPos = _product("enh", OneProduct.remove)
    setEnhancedPosPars = _draft(shorthand.setEnhancedPosPars)
    getEnhancedPosPars = _product("enh", OneProduct.getPars)
    removeEnhancedPosPar = _product("enh", OneProduct.removePar)

    AstromPos = Product("xastrom")
    hasAstromPos = HasProduct("xastrom")
    addAstromPos = _draft(shorthand.addAstromPos)
    removeAstromPos = _product("xastrom", OneProduct.remove)
    setAstromPosPars = _draft(shorthand.setAstromPosPars)
    getAstromPosPars = _product("xastrom", OneProduct.getPars)
    removeAstromPosPar = _product("xastrom", OneProduct.removePar)

    Image = Product("image")
    hasImage = HasProduct("image")
    addImage = _draft(shorthand.addImage)
    removeImage = _product("image", OneProduct.remove)
    setImagePars = _draft(shorthand.setImagePars)
    getImagePars = _product("image", OneProduct.getPars)
    removeImagePar = _product("image", OneProduct.removePar)

    SourceDet = Product("sourceDet")
    hasSourceDet = HasProduct("sourceDet")
    addSourceDet = _draft(shorthand.addSourceDet)
    removeSourceDet = _product("sourceDet", OneProduct.remove)
    setSourceDetPars = _draft(shorthand.setSourceDetPars)
    getSourceDetPars = _product("sourceDet", OneProduct.getPars)
    removeSourceDetPar = _product("sourceDet", OneProduct.removePar)

    # ---- the job -----------------------------------------------------------------------------------------------

    submit = _submission(Submission.submit)
    checkProductStatus = _submission(Submission.checkProductStatus)
    wait = _submission(Submission.wait)
    cancelProducts = _submission(Submission.cancelProducts)
    countActiveJobs = _submission(Submission.countActiveJobs)
    listOldJobs = _submission(Submission.listOldJobs)

    @property
    def submitted(self) -> bool:
        """Whether the service has accepted this request."""
        return self._draft.submitted

    @property
    def submitError(self) -> str | None:
        """Why the last submission failed; None if it did not fail."""
        return self._submission.answer.get("submitError")

    @property
    def failure(self) -> XRTError | None:
        """The exception that made the last submission fail; None if it did not fail."""
        return self._submission.failure

    @property
    def subRetData(self) -> dict[str, Any]:
        """Outcome of the submission: `submitError`, and after success `URL` and `jobPars` as the service sent them."""
        return self._submission.answer

    @property
    def JobID(self) -> Any:
        """Number of the job, as the service sent it."""
        return self._submission.job.job_id

    @property
    def URL(self) -> str:
        """Address below which the products appear."""
        return self._submission.job.url

    @property
    def jobPars(self) -> dict[str, Any]:
        """Every parameter of the job, by wire name."""
        return self._submission.job.parameters

    @property
    def status(self) -> tuple[int, str]:
        """The same as `statusCode` and `statusText`; the service is not asked."""
        return (self.statusCode, self.statusText)

    @property
    def statusCode(self) -> int:
        """0 not submitted, 1 submitted, 2 all products have ended, 3 the submission failed (documented)."""
        return self._submission.status

    @property
    def statusText(self) -> str:
        """The `statusCode` in words."""
        return STATUS_TEXTS[self._submission.status]

    @property
    def complete(self) -> bool:
        """Whether all products have ended, with or without a result. The service is asked until they have.

        Raises
        ------
        ServiceRejected, ServiceUnreachable, ContractBroken
            The service did not say.
        """
        return self._submission.complete()

    def copyOldJob(self, oldJobID: int | str, becomeThis: bool = False) -> None:
        """Take over the parameters of one of your old jobs; everything set before is forgotten.

        Parameters
        ----------
        oldJobID
            Its number.
        becomeThis
            Whether to become that job. Then nothing can be submitted, but its status and products can be fetched.

        Raises
        ------
        ServiceRejected
            There is no such job, or it is not yours. This request is unchanged.
        """
        job = jobs.old_parameters(self.service, self.UserID, oldJobID)
        self.setFromJSON(job.parameters, fromServer=True)
        if becomeThis:
            self._submission.become(job)
            self.checkProductStatus()

    # ---- results -----------------------------------------------------------------------------------------------

    downloadProducts = _results(Results.downloadProducts)
    retrieveStandardPos = _results(Results.retrieveStandardPos)
    retrieveEnhancedPos = _results(Results.retrieveEnhancedPos)
    retrieveAstromPos = _results(Results.retrieveAstromPos)
    retrieveSourceList = _results(Results.retrieveSourceList)
    retrieveLightCurve = _results(Results.retrieveLightCurve)
    plotLC = _results(Results.plotLC)
    retrieveSpectralFits = _results(Results.retrieveSpectralFits)
    saveSpectralData = _results(Results.saveSpectralData)
    rebinLightCurve = _results(Results.rebinLightCurve)
    checkRebinStatus = _results(Results.checkRebinStatus)
    rebinComplete = _results(Results.rebinComplete)
    cancelRebin = _results(Results.cancelRebin)
    getRebinnedLightCurve = _results(Results.getRebinnedLightCurve)

    @property
    def standardPos(self) -> dict[str, Any] | None:
        """The standard position; None if it has not been fetched."""
        return self._results.positions.get("psf")

    @property
    def enhancedPos(self) -> dict[str, Any] | None:
        """The enhanced position; None if it has not been fetched."""
        return self._results.positions.get("enh")

    @property
    def astromPos(self) -> dict[str, Any] | None:
        """The astrometric position; None if it has not been fetched."""
        return self._results.positions.get("xastrom")

    @property
    def sourceList(self) -> dict[str, list[dict[str, Any]]] | None:
        """The detected sources by band; None if they have not been fetched."""
        return self._results.sources

    @property
    def lcData(self) -> dict[str, Any] | None:
        """The light curve; None if it has not been fetched."""
        return self._results.curve

    @property
    def specData(self) -> dict[str, Any] | None:
        """Spectra and fits; None if they have not been fetched."""
        return self._results.spectra

    @property
    def RebinID(self) -> int | None:
        """Number of the last rebinning; None if there was none."""
        return self._results.rebin_id
