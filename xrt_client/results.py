# ruff: noqa: N802, N803 - documented names
"""What a job has made: archives, positions, sources, tables, fits, and rebinned light curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import files, jobs, rebin, retrieve, wire
from .errors import ContractBroken, LocalFailure, ProductFailed, RequestInvalid, ServiceRejected, ServiceUnreachable
from .parameters import FORMATS, KINDS

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Unpack

    from . import keywords
    from .draft import Draft
    from .submission import Submission
    from .transport import Service


class Results:
    """Fetches what a job has made, and keeps what was fetched last.

    Parameters
    ----------
    draft, submission
        The request that the job came of, and the job.
    """

    def __init__(self, draft: Draft, submission: Submission) -> None:
        self._draft = draft
        self._submission = submission
        self._saved: set[Path] = set()
        self.positions: dict[str, dict[str, Any] | None] = {}
        self.sources: dict[str, list[dict[str, Any]]] | None = None
        self.curve: dict[str, Any] | None = None
        self.spectra: dict[str, Any] | None = None
        self.rebin_id: int | None = None

    def _job_with(self, product: str) -> tuple[Service, str, Any]:
        """Return service, user and JobID; raise RequestInvalid if the job does not make this product."""
        job = self._submission.job
        self._draft.getProduct(product)
        return self._submission.service, self._draft.user, job.job_id

    # ---- archives ----------------------------------------------------------------------------------------------

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

        A file that this request has saved before is not fetched again.

        Parameters
        ----------
        dir
            Folder; created if it does not exist.
        what
            ``"all"``, or products by long or short name, which must have ended.
        silent
            Whether to print nothing.
        format
            ``zip``, ``tar`` or ``tar.gz``.
        stem
            Text put before each file name.
        clobber
            Whether to replace existing files.
        extract
            Whether to unpack the archives too. Members that would leave the folder are refused.

        Returns
        -------
        dict
            For each product, by long name: the path, None if it has not ended, or ``"ERROR: ..."`` (documented).
        """
        url = self._submission.job.url
        if stem is not None and not isinstance(stem, str):
            raise RequestInvalid(f"stem must be text or None, not {type(stem).__name__}")
        if format not in FORMATS:
            raise RequestInvalid(f"{format} is not a valid format. Options are: {', '.join(FORMATS)}")
        chosen = self._draft.requested(what)
        running = self._running(chosen)
        if running and what != "all":
            raise RequestInvalid(f"not complete, so it cannot be downloaded: {_in_words(running)}")
        saved: dict[str, str | None] = {}
        for short in chosen:
            path = Path(dir).expanduser() / f"{stem or ''}{short}.{format}"
            ended = short not in running
            saved[KINDS[short].long] = self._save(f"{url}/{short}.{format}", path, clobber, extract) if ended else None
        if any("HTTP 404" in (outcome or "") for outcome in saved.values()) and self._expired():
            job = self._submission.job.job_id
            words = f"ERROR: the products of job {job} have expired; copyOldJob({job}) and submit() build them again"
            saved = {name: words if "HTTP 404" in (outcome or "") else outcome for name, outcome in saved.items()}
        if not silent:
            print("\n".join(f"{name}: {outcome or 'not complete'}" for name, outcome in saved.items()))
        return saved

    def _expired(self) -> bool:
        """Return whether the service says that the job's products are gone; False if it does not answer."""
        try:
            listed = self._submission.listOldJobs()
        except (ServiceUnreachable, ServiceRejected, ContractBroken):
            return False
        number = str(self._submission.job.job_id)
        return any(str(job["JobID"]) == number and not job["hasProd"] for job in listed)

    def _running(self, chosen: list[str]) -> list[str]:
        """Return those of some products that have not ended; ask the service if it is not known."""
        products = self._draft.products
        if not all(products[short].complete for short in chosen):
            self._submission.checkProductStatus(chosen)
        return [short for short in chosen if not products[short].complete]

    def _save(self, url: str, path: Path, clobber: bool, extract: bool) -> str:
        """Save one archive; return its path, or ``ERROR: `` and the reason."""
        if path in self._saved and path.exists() and not clobber:
            return str(path)
        try:
            self._saved.add(retrieve.download(self._submission.service, url, path, clobber=clobber))
            if extract:
                files.extract(path, path.parent, _existing(clobber))
        except (ServiceUnreachable, ContractBroken, RequestInvalid, LocalFailure) as error:
            return f"ERROR: {error}"
        return str(path)

    # ---- positions and sources ---------------------------------------------------------------------------------

    def retrieveStandardPos(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch the standard position into `standardPos`.

        Returns
        -------
        dict
            `GotPos`. If it is True: `RA`, `Dec` [deg, J2000] and `Err90` [arcsec, 90 % confidence] as text,
            `FromSXPS`, and `WhichSXPS` if that is True. If it is False: `Reason`. None if `returnData` is False.
        """
        return self._position("psf", returnData)

    def retrieveEnhancedPos(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch the enhanced position into `enhancedPos`: see :meth:`retrieveStandardPos`."""
        return self._position("enh", returnData)

    def retrieveAstromPos(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch the astrometric position into `astromPos`: see :meth:`retrieveStandardPos`."""
        return self._position("xastrom", returnData)

    def _position(self, short: str, returned: bool) -> dict[str, Any] | None:
        try:
            found = retrieve.position(*self._job_with(short), short)
        except ServiceRejected as error:
            self.positions[short] = None
            return {"GotPos": False, "Reason": str(error).strip()}
        self.positions[short] = found
        return found if returned else None

    def retrieveSourceList(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch the detected sources into `sourceList`.

        Returns
        -------
        dict
            A list of sources for each band: ``Total``, and ``Soft``, ``Medium`` and ``Hard`` if they were searched.
            Each source is a dict of its properties. ``{"ERROR": True, "Reason": ...}`` if the service refuses.
        """
        try:
            self.sources = retrieve.sources(*self._job_with("sourceDet"))
        except ServiceRejected as error:
            return _refusal(error)
        return self.sources if returnData else None

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
            `Datasets`, a table (pandas) for each of them, `URLs`, and `Binning`, `TimeFormat` and `T0` if known
            (documented, page "structures"). ``{"ERROR": True, "Reason": ...}`` if the service refuses.
        """
        job = self._job_with("lc")
        choices = wire.which("nosys", nosys), wire.which("incbad", incbad)
        analysis = _analysis()
        try:
            document = retrieve.light_curve(*job, *choices)
        except ServiceRejected as error:
            return _refusal(error)
        self.curve = analysis.light_curve_tables(document)
        return self.curve if returnData else None

    def plotLC(
        self,
        /,
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
            File to save the plot in; None: show it.
        incbad, nosys
            Which datasets to plot: with unreliable bins, without systematic errors.
        options
            Further arguments of :func:`xrt_client.analysis.plotLightCurve`, such as `whichCurves`, `clobber`, `fig`,
            `ax`.

        Returns
        -------
        tuple
            Figure and axes of matplotlib.
        """
        if self.curve is None:
            raise RequestInvalid("No light curve has been retrieved: call retrieveLightCurve() first")
        suffix = ("_nosys" if nosys else "") + ("_incbad" if incbad else "")
        names = (f"{mode}{kind}{suffix}" for mode in ("WT", "PC") for kind in ("", "UL"))
        low, high = (self._draft.getProductPars("lc", name) for name in ("minEnergy", "maxEnergy"))
        options.setdefault("whichCurves", [name for name in names if name in self.curve["Datasets"]])
        options.setdefault("T0", self._draft.globals.values.get("T0"))
        options.setdefault("ylabel", "Count rate" if None in (low, high) else f"Count rate ({low} - {high} keV)")
        plotted: tuple[Any, Any] = _analysis().plotLightCurve(
            self.curve, xlog=xlog, ylog=ylog, fileName=fileName, **options
        )
        return plotted

    # ---- spectra -----------------------------------------------------------------------------------------------

    def retrieveSpectralFits(self, returnData: bool = True) -> dict[str, Any] | None:
        """Fetch spectra and fits into `specData`.

        Returns
        -------
        dict
            Intervals, in them modes, and in these models (documented, page "structures"). The keys `NoSpectrum`,
            `NOSPEC` and `NOFIT` say what is missing. ``{"ERROR": True, "Reason": ...}`` if the service refuses.
        """
        try:
            self.spectra = retrieve.spectra(*self._job_with("spec"))
        except ServiceRejected as error:
            return _refusal(error)
        return self.spectra if returnData else None

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
        """Save the files of the spectra that have been fetched; return their paths.

        Parameters
        ----------
        destDir
            Folder; created if it does not exist.
        spectra
            ``"all"``, or names of intervals.
        specSubDirs
            Whether to save each interval in its own folder.
        saveImages, saveData
            Whether to save the plots, and the archives of spectra.
        prefix
            Text put before each file name.
        extract, removeTar
            Whether to unpack archives, and to remove them afterwards.
        clobber
            Whether to replace existing files.
        skipErrors
            Whether to skip files that cannot be saved, instead of raising the error.
        verbose
            Whether to print the path of each file.
        """
        if self.spectra is None:
            raise RequestInvalid("the spectra have to be fetched first: retrieveSpectralFits()")
        found = retrieve.spectrum_files(
            self.spectra, Path(destDir).expanduser(), prefix, spectra, own_folders=specSubDirs
        )
        wanted = files.unshared(
            (path, url) for kind, path, url in found if (saveData if kind == "data" else saveImages)
        )

        def unpack(file: Path) -> None:
            if extract and file.name.endswith(".tar.gz"):
                files.extract(file, file.parent, _existing(clobber))
                if removeTar:
                    file.unlink()

        saved = retrieve.save_all(
            self._submission.service, wanted, clobber=clobber, skip_errors=skipErrors, after=unpack
        )
        if verbose:
            print("\n".join(f"Saved {path}" for path in saved))
        return [path for path in saved if path.exists()]

    # ---- rebinned light curves ---------------------------------------------------------------------------------

    def rebinLightCurve(
        self,
        silent: bool = True,
        verbose: bool = False,
        name: str | None = None,
        **pars: Unpack[keywords.LightCurvePars],
    ) -> int:
        """Ask for the same light curve in other bins; return the number of the rebinning, also kept in `RebinID`.

        Parameters
        ----------
        silent
            Whether to print nothing, if the request is silent too.
        verbose
            Whether to print the number in any case.
        name
            Name of the object; default: that of this request.
        pars
            `binMeth`, and further parameters of a light curve.
        """
        service, _, job_id = self._job_with("lc")
        if running := self._running(["lc"]):
            raise RequestInvalid(f"not complete, so it cannot be rebinned: {_in_words(running)}")
        self.rebin_id = rebin.begin(service, job_id, name or self._draft.globals.values.get("name"), pars)
        (print if verbose or not silent else self._draft.say)(f"Rebinning with rebinID {self.rebin_id}")
        return self.rebin_id

    def _rebinning(self) -> tuple[Service, int]:
        if self.rebin_id is None:
            raise RequestInvalid("no light curve is being rebinned: call rebinLightCurve() first")
        return self._submission.service, self.rebin_id

    def checkRebinStatus(self) -> dict[str, Any]:
        """Return `statusCode` and `statusText` of the rebinning."""
        return rebin.status(*self._rebinning())

    def rebinComplete(self) -> bool:
        """Return whether the rebinned light curve can be fetched.

        Raises
        ------
        ProductFailed
            The rebinning has ended without a light curve.
        """
        status = self.checkRebinStatus()
        if wire.ended(status["statusCode"]) and status["statusCode"] != rebin.COMPLETE:
            raise ProductFailed("The rebinned light curve", status["statusCode"], status["statusText"])
        return bool(status["statusCode"] == rebin.COMPLETE)

    def cancelRebin(self) -> bool:
        """Cancel the rebinning; return whether it is cancelled."""
        try:
            rebin.cancel(*self._rebinning())
        except ServiceRejected:  # perhaps because an earlier call cancelled it and the answer to that was lost
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
            Whether to save its files in `destDir`, with `prefix` before their names.
        nosys, incbad
            As for :meth:`retrieveLightCurve`, with the same defaults.
        clobber, skipErrors
            As for :meth:`saveSpectralData`.
        """
        choices = wire.which("nosys", nosys), wire.which("incbad", incbad)
        if not self.rebinComplete():
            raise RequestInvalid("the rebinned light curve is not complete")
        document = rebin.light_curve(*self._rebinning(), *choices)
        self.curve = _analysis().light_curve_tables(document)
        if saveData:
            wanted = retrieve.curve_files(self.curve, Path(destDir).expanduser(), prefix)
            retrieve.save_all(self._submission.service, wanted, clobber=clobber, skip_errors=skipErrors)
        return self.curve if returnData else None


def _refusal(error: ServiceRejected) -> dict[str, Any]:
    return {"ERROR": True, "Reason": str(error).strip()}


def _existing(clobber: bool) -> files.Existing:
    return files.Existing.REPLACE if clobber else files.Existing.REFUSE


def _in_words(shorts: list[str]) -> str:
    return ", ".join(KINDS[short].words for short in shorts)


def _analysis() -> Any:
    from . import analysis  # noqa: PLC0415 - needs an extra that most calls do not need

    return analysis
