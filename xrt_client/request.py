# ruff: noqa: N802, N803, N815 - documented names
"""XRTProductRequest: the documented object, whole. It holds what has been fetched and hands the work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import jobs, rebin, retrieve, wire
from .errors import ContractBroken, ProductFailed, RequestInvalid, ServiceRejected, ServiceUnreachable
from .following import FollowedRequest
from .parameters import FORMATS, KINDS
from .transport import Service, default_service

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from typing import Unpack

    from . import keywords


def countActiveJobs(userID: str, *, service: Service | None = None) -> int:
    """Return how many jobs of this user are queued or running.

    Raises
    ------
    ServiceRejected
        The service does not know this user.
    ServiceUnreachable
        It did not answer, though asked several times.
    """
    return jobs.count_active(service or default_service(), userID)


def listOldJobs(userID: str, *, service: Service | None = None) -> list[dict[str, Any]]:
    """Return every job of this user, most recent first, as dicts.

    Keys (documented): `JobID`, `Name`, `DateSubmitted` (UTC), one bool for each product, and `hasProd`: whether the
    products are still there. Raises as :func:`countActiveJobs`.
    """
    return jobs.list_old(service or default_service(), userID)


class XRTProductRequest(FollowedRequest):
    """A request for XRT products, and the job that comes of it.

    Parameters
    ----------
    user
        Your registered e-mail address.
    JSONVals, fromServer
        Parameters to begin with: see :meth:`setFromJSON`.
    silent
        Whether nothing is printed.
    useDeprecate
        Accepted for compatibility; the results of releases before 1.10 are not offered, so True is refused.
    showDepWarnings
        Accepted for compatibility; there is nothing to warn of.
    service
        Which service, and how patiently; default: one shared by all requests.
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
        super().__init__(user, silent, service)
        self.showDepWarnings = showDepWarnings
        if JSONVals is not None:
            self.setFromJSON(JSONVals, fromServer)

    @property
    def deprecate(self) -> bool:
        """Whether results come in the form of releases before 1.10: never."""
        return False

    @deprecate.setter
    def deprecate(self, wanted: bool) -> None:
        if wanted:
            raise RequestInvalid("results in the form of releases before 1.10 are not offered: useDeprecate is False")

    def _clear(self) -> None:
        super()._clear()
        self._saved: set[Path] = set()
        self._positions_found: dict[str, dict[str, Any] | None] = {}
        self._sources: dict[str, list[dict[str, Any]]] | None = None
        self._curve: dict[str, Any] | None = None
        self._spectra: dict[str, Any] | None = None
        self._rebin_id: int | None = None

    # ---- the products ------------------------------------------------------------------------------------------

    def downloadProducts(
        self,
        dir: str | os.PathLike[str],  # noqa: A002 - documented name
        what: str | Iterable[str] = "all",
        silent: bool = True,
        format: str = "tar.gz",  # noqa: A002 - documented name
        stem: str | None = None,
        clobber: bool = False,
        extract: bool = False,
    ) -> dict[str, str | None]:
        """Save the archives of products that have ended.

        Parameters
        ----------
        dir
            Folder; made if missing.
        what
            ``"all"``, or products by long or short name, which must have ended.
        silent
            Whether to print nothing about it.
        format
            ``zip``, ``tar`` or ``tar.gz``.
        stem
            Text put before each file name.
        clobber
            Whether existing files are replaced.
        extract
            Whether the archives are unpacked too; members that would leave the folder are refused.

        Returns
        -------
        dict
            For each product, by long name: the path, None if it has not ended, or ``"ERROR: ..."`` (documented).
        """
        self._must_be_submitted()
        if stem is not None and not isinstance(stem, str):
            raise RequestInvalid(f"stem must be text or None, not {type(stem).__name__}")
        if format not in FORMATS:
            raise RequestInvalid(f"{format} is not a valid format. Options are: {', '.join(FORMATS)}")
        chosen = self._chosen(what)
        self._ask_about(chosen, must_have_ended=what != "all")
        saved: dict[str, str | None] = {}
        for short in chosen:
            path = Path(dir).expanduser() / f"{stem or ''}{short}.{format}"
            ended = self._products[short].complete
            name = f"{short}.{format}"
            saved[KINDS[short].long] = self._archive(name, path, clobber, extract) if ended else None
        if not silent:
            print("\n".join(f"{name}: {outcome or 'not complete'}" for name, outcome in saved.items()))
        return saved

    def _ask_about(self, chosen: list[str], *, must_have_ended: bool) -> None:
        """Ask for the status of products not known to have ended."""
        if not all(self._products[short].complete for short in chosen):
            self.checkProductStatus(chosen)
        running = [KINDS[short].words for short in chosen if not self._products[short].complete]
        if running and must_have_ended:
            raise RequestInvalid(f"not complete, so it cannot be downloaded: {', '.join(running)}")

    def _archive(self, name: str, path: Path, clobber: bool, extract: bool) -> str:
        """Save one archive; return its path, or why there is none. This request's own files are not fetched again."""
        if path in self._saved and path.exists() and not clobber:
            return str(path)
        try:
            self._saved.add(retrieve.download(self.service, f"{self.URL}/{name}", path, clobber=clobber))
            if extract:
                retrieve.extract(path, path.parent, clobber=clobber)
        except (ServiceUnreachable, ContractBroken, RequestInvalid, OSError) as error:
            return f"ERROR: {error}"
        return str(path)

    # ---- positions and sources ---------------------------------------------------------------------------------

    def retrieveStandardPos(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch the standard position into `standardPos`.

        Returns
        -------
        dict
            `GotPos`; if it is True `RA`, `Dec` [deg, J2000] and `Err90` [arcsec] as text, `FromSXPS`, and `WhichSXPS`
            if that is True; else `Reason`. None if `returnData` is False.
        """
        return self._position("psf", returnData)

    def retrieveEnhancedPos(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch the enhanced position into `enhancedPos`: see :meth:`retrieveStandardPos`."""
        return self._position("enh", returnData)

    def retrieveAstromPos(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch the astrometric position into `astromPos`: see :meth:`retrieveStandardPos`."""
        return self._position("xastrom", returnData)

    def _position(self, short: str, returned: bool) -> dict[str, Any] | None:
        self._must_have(short)
        try:
            found = retrieve.position(self.service, self.UserID, self._job_id, short)
        except ServiceRejected as error:
            self._positions_found[short] = None
            return {"GotPos": False, "Reason": str(error).strip()}
        self._positions_found[short] = found
        return found if returned else None

    def _must_have(self, short: str) -> None:
        self._must_be_submitted()
        self.getProduct(short)

    @property
    def standardPos(self) -> dict[str, Any] | None:
        """The standard position, once it has been fetched."""
        return self._positions_found.get("psf")

    @property
    def enhancedPos(self) -> dict[str, Any] | None:
        """The enhanced position, once it has been fetched."""
        return self._positions_found.get("enh")

    @property
    def astromPos(self) -> dict[str, Any] | None:
        """The astrometric position, once it has been fetched."""
        return self._positions_found.get("xastrom")

    def retrieveSourceList(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch the detected sources into `sourceList`.

        Returns
        -------
        dict
            A list of sources, each a dict of its properties, for each band: ``Total``, and ``Soft``, ``Medium`` and
            ``Hard`` if they were searched; ``{"ERROR": True, "Reason": ...}`` if the service refuses.
        """
        self._must_have("sourceDet")
        try:
            self._sources = retrieve.sources(self.service, self.UserID, self._job_id)
        except ServiceRejected as error:
            return _refused(error)
        return self._sources if returnData else None

    @property
    def sourceList(self) -> dict[str, list[dict[str, Any]]] | None:
        """The detected sources by band, once they have been fetched."""
        return self._sources

    # ---- light curve -------------------------------------------------------------------------------------------

    def retrieveLightCurve(
        self, nosys: str | bool = "no", incbad: str | bool = "no", returnData: bool = True
    ) -> dict[str, Any] | None:
        """Fetch the light curve into `lcData`; needs the `analysis` extra.

        Parameters
        ----------
        nosys
            Whether WT data are given without systematic errors: ``yes``, ``no`` or ``both``.
        incbad
            Whether bins without a reliable centroid are included: ``yes``, ``no`` or ``both``.

        Returns
        -------
        dict
            `Datasets`, a table (pandas) for each of them, `URLs`, and `Binning`, `TimeFormat`, `T0` if known
            (documented, page "structures"); ``{"ERROR": True, "Reason": ...}`` if the service refuses.
        """
        self._must_have("lc")
        choices = wire.which("nosys", nosys), wire.which("incbad", incbad)
        analysis = _analysis()
        try:
            document = retrieve.light_curve(self.service, self.UserID, self._job_id, *choices)
        except ServiceRejected as error:
            return _refused(error)
        self._curve = analysis.light_curve_tables(document)
        return self._curve if returnData else None

    @property
    def lcData(self) -> dict[str, Any] | None:
        """The light curve, once it has been fetched."""
        return self._curve

    def plotLC(
        self,
        xlog: bool = False,
        ylog: bool = False,
        fileName: str | os.PathLike[str] | None = None,
        incbad: bool = False,
        nosys: bool = False,
        **options: Any,
    ) -> tuple[Any, Any]:
        """Plot the light curve that has been fetched; needs the `analysis` extra.

        Parameters
        ----------
        xlog, ylog
            Whether an axis is logarithmic.
        fileName
            Where the plot is saved; None: it is shown.
        incbad, nosys
            Which datasets: with unreliable bins, without systematic errors.
        options
            More for :func:`xrt_client.analysis.plotLightCurve`, such as `whichCurves`, `clobber`, `fig`, `ax`.

        Returns
        -------
        tuple
            Figure and axes of matplotlib.
        """
        if self._curve is None:
            raise RequestInvalid("No light curve has been retrieved")
        suffix = ("_nosys" if nosys else "") + ("_incbad" if incbad else "")
        names = (f"{mode}{kind}{suffix}" for mode in ("WT", "PC") for kind in ("", "UL"))
        options.setdefault("whichCurves", [name for name in names if name in self._curve["Datasets"]])
        options.setdefault("T0", self._globals.values.get("T0"))
        options.setdefault("ylabel", self._rate_label())
        plotted: tuple[Any, Any] = _analysis().plotLightCurve(
            self._curve, xlog=xlog, ylog=ylog, fileName=fileName, **options
        )
        return plotted

    def _rate_label(self) -> str:
        low, high = (self.getLightCurvePars(name) for name in ("minEnergy", "maxEnergy"))
        return "Count rate" if low is None or high is None else f"Count rate ({low} - {high} keV)"

    # ---- spectra -----------------------------------------------------------------------------------------------

    def retrieveSpectralFits(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch spectra and fits into `specData`.

        Returns
        -------
        dict
            Intervals, modes and models, one inside the other (documented, page "structures"); the keys `NoSpectrum`,
            `NOSPEC` and `NOFIT` say what there is not; ``{"ERROR": True, "Reason": ...}`` if the service refuses.
        """
        self._must_have("spec")
        try:
            self._spectra = retrieve.spectra(self.service, self.UserID, self._job_id)
        except ServiceRejected as error:
            return _refused(error)
        return self._spectra if returnData else None

    @property
    def specData(self) -> dict[str, Any] | None:
        """Spectra and fits, once they have been fetched."""
        return self._spectra

    def saveSpectralData(
        self,
        destDir: str | os.PathLike[str] = "spec",
        spectra: str | Iterable[str] = "all",
        specSubDirs: bool = False,
        saveImages: bool = True,
        saveData: bool = True,
        prefix: str = "",
        extract: bool = False,
        removeTar: bool = False,
        clobber: bool = False,
        skipErrors: bool = False,
        verbose: bool = False,
    ) -> list[Path]:
        """Save the files behind the spectra that have been fetched; return them.

        Parameters
        ----------
        destDir
            Folder; made if missing.
        spectra
            ``"all"``, or names of intervals.
        specSubDirs
            Whether each interval has a folder of its own.
        saveImages, saveData
            Whether the plots, and the archives of spectra, are saved.
        prefix
            Text put before each file name.
        extract, removeTar
            Whether archives are unpacked, and removed afterwards.
        clobber
            Whether existing files are replaced.
        skipErrors
            Whether a file that cannot be saved is left out instead of ending it all.
        verbose
            Whether each file is told.
        """
        if self._spectra is None:
            raise RequestInvalid("the spectra have to be fetched first: retrieveSpectralFits()")
        files = retrieve.spectrum_files(
            self._spectra, Path(destDir).expanduser(), prefix, spectra, own_folders=specSubDirs
        )
        wanted = {path: url for kind, path, url in files if (saveData if kind == "data" else saveImages)}
        after = self._unpacker(clobber, removeTar) if extract else lambda _: None
        saved = retrieve.save_all(self.service, wanted, clobber=clobber, skip_errors=skipErrors, after=after)
        if verbose:
            print("\n".join(f"Saved {path}" for path in saved))
        return [path for path in saved if path.exists()]

    @staticmethod
    def _unpacker(clobber: bool, remove: bool) -> Callable[[Path], None]:
        def unpack(file: Path) -> None:
            if file.name.endswith(".tar.gz"):
                retrieve.extract(file, file.parent, clobber=clobber)
                if remove:
                    file.unlink()

        return unpack

    # ---- rebinning ---------------------------------------------------------------------------------------------

    @property
    def RebinID(self) -> int | None:
        """Number of the last rebinning; None if there was none."""
        return self._rebin_id

    def rebinLightCurve(
        self,
        silent: bool = True,
        verbose: bool = False,
        name: str | None = None,
        **pars: Unpack[keywords.LightCurvePars],
    ) -> int:
        """Ask for the same light curve in other bins; return the number of that job, also kept in `RebinID`.

        Parameters
        ----------
        name
            Name of the object; default: that of this request.
        pars
            `binMeth`, and further parameters of a light curve.
        """
        self._must_have("lc")
        self._ask_about(["lc"], must_have_ended=True)
        self._rebin_id = rebin.begin(self.service, self._job_id, name or self._globals.values.get("name"), pars)
        if verbose or not (silent and self._silent):
            print(f"Rebinning with rebinID {self._rebin_id}")
        return self._rebin_id

    def _rebinning(self) -> int:
        if self._rebin_id is None:
            raise RequestInvalid("no light curve is being rebinned: rebinLightCurve()")
        return self._rebin_id

    def checkRebinStatus(self) -> dict[str, Any]:
        """Return `statusCode` and `statusText` of the rebinning."""
        return rebin.status(self.service, self._rebinning())

    def rebinComplete(self) -> bool:
        """Whether the rebinned light curve can be had.

        Raises
        ------
        ProductFailed
            It never will.
        """
        status = self.checkRebinStatus()
        if wire.ended(status["statusCode"]) and status["statusCode"] != rebin.COMPLETE:
            raise ProductFailed("The rebinned light curve", status["statusCode"], status["statusText"])
        return bool(status["statusCode"] == rebin.COMPLETE)

    def cancelRebin(self) -> bool:
        """Stop the rebinning; return whether it is stopped."""
        try:
            rebin.cancel(self.service, self._rebinning())
        except ServiceRejected:  # also when an earlier call had done it, and its answer was lost
            return bool(self.checkRebinStatus()["statusCode"] == jobs.CANCELLED)
        return True

    def getRebinnedLightCurve(
        self,
        returnData: bool = True,
        saveData: bool = False,
        nosys: str | bool = "no",
        incbad: str | bool = "no",
        destDir: str | os.PathLike[str] = "lc",
        prefix: str = "",
        clobber: bool = False,
        skipErrors: bool = False,
    ) -> dict[str, Any] | None:
        """Fetch the rebinned light curve into `lcData`; needs the `analysis` extra.

        Parameters
        ----------
        saveData
            Whether its files are saved, in `destDir`, with `prefix` before their names.
        nosys, incbad
            As for :meth:`retrieveLightCurve`, with the same defaults.
        clobber, skipErrors
            As for :meth:`saveSpectralData`.
        """
        choices = wire.which("nosys", nosys), wire.which("incbad", incbad)
        if not self.rebinComplete():
            raise RequestInvalid("the rebinned light curve is not complete")
        document = rebin.light_curve(self.service, self._rebinning(), *choices)
        self._curve = _analysis().light_curve_tables(document)
        if saveData:
            files = retrieve.curve_files(self._curve, Path(destDir).expanduser(), prefix)
            retrieve.save_all(self.service, files, clobber=clobber, skip_errors=skipErrors)
        return self._curve if returnData else None


def _refused(error: ServiceRejected) -> dict[str, Any]:
    return {"ERROR": True, "Reason": str(error).strip()}


def _analysis() -> Any:
    from . import analysis  # noqa: PLC0415 - needs the extra, which most calls do without

    return analysis
