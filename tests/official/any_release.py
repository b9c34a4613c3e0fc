"""The service's tutorial, for every release of the official client: what a release cannot do yet is left out.

xrt-mock run -- python any_release.py DIRECTORY
"""

import inspect
import sys
import tarfile
import time
import zipfile
from pathlib import Path

try:
    import swifttools.ukssdc.xrt_prods as xrt_prods
except ImportError:  # before 3.0.0
    import swifttools.xrt_prods as xrt_prods

MY_EMAIL = "me@myinstitute.example.org"


def build():
    request = xrt_prods.XRTProductRequest(MY_EMAIL, silent=True)
    request.setGlobalPars(name="GRB 200416A", getTargs=True, RA=335.6985, Dec=-7.5179, useSXPS=False)
    request.setGlobalPars(centroid=True, centMeth="simple", posErr=1, T0=608713541.952)
    request.addLightCurve(binMeth="counts", pcCounts=20, wtCounts=30, dynamic=True)
    request.addSpectrum(hasRedshift=False)
    request.addStandardPos()
    request.addEnhancedPos()
    request.addAstromPos(useAllObs=True)
    request.addImage()
    return request


def fetch(request, folder):
    opened = 0
    for form in ("zip", "tar", "tar.gz"):
        files = request.downloadProducts(str(folder), what="all", format=form, stem=form.replace(".", ""))
        for file in filter(None, files.values()):
            with zipfile.ZipFile(file) if form == "zip" else tarfile.open(file) as archive:
                opened += bool(archive.namelist() if form == "zip" else archive.getnames())
    return opened


def attached(job_id):
    """Return a request for a job that exists, as a later session would."""
    request = xrt_prods.XRTProductRequest(MY_EMAIL, silent=True)
    request.copyOldJob(job_id, becomeThis=True)
    return request


def main(folder):
    folder.mkdir(parents=True)
    request = build()
    assert request.isValid()[0], request.isValid()[1]
    assert request.submit(), request.submitError
    assert xrt_prods.countActiveJobs(MY_EMAIL) == 1
    time.sleep(60)
    _, codes = request.cancelProducts(what=["Image"])
    assert codes["Image"]["code"] == 0, codes
    while not request.complete:
        time.sleep(60)
    statuses = {name: product["statusCode"] for name, product in request.checkProductStatus().items()}
    assert statuses.pop("Image") == -4
    assert set(statuses.values()) == {4}, statuses
    opened = fetch(request, folder)
    assert opened == 18, opened
    for name in ("StandardPos", "EnhancedPos"):
        position = retrieved(request.JobID, name)
        assert abs(float(position["RA"]) - 335.6985) < 0.01, position
    assert "GotPos" in retrieved(request.JobID, "AstromPos")
    if hasattr(request, "retrieveLightCurve"):
        check_curve(retrieved(request.JobID, "LightCurve"))
        check_spectrum(retrieved(request.JobID, "SpectralFits"))
    (job,) = xrt_prods.listOldJobs(MY_EMAIL)
    assert (job["Name"], job["LightCurve"], job["hasProd"]) == ("GRB 200416A", True, True)
    copy = xrt_prods.XRTProductRequest(MY_EMAIL, silent=True)
    copy.copyOldJob(request.JobID)
    assert copy.getLightCurvePars()["pcCounts"] == 20
    print("the tutorial is done")


def retrieved(job_id, name):
    """Retrieve from a request of its own: releases from 3.0.0 on spoil theirs by it. Older ones always return."""
    retrieve = getattr(attached(job_id), f"retrieve{name}")
    wish = {"returnData": True} if "returnData" in inspect.signature(retrieve).parameters else {}
    return retrieve(**wish)


def check_curve(curve):
    tables = [value for value in curve.values() if hasattr(value, "columns")]
    assert tables, list(curve)
    assert all(len(table) for table in tables)


def check_spectrum(spectrum):
    assert "interval0" in spectrum, list(spectrum)
    assert spectrum["T0"] == 608713541.952


if __name__ == "__main__":
    main(Path(sys.argv[1]))
