"""All six products of one burst: submit, follow, cancel one, download in three formats, read the results.

This is the tutorial of the service as one script. It runs with `xrt_client`. To run it with the official client, change
the first import to ``import swifttools.ukssdc.xrt_prods as xrt_prods``.

    xrt-mock run -- python examples/tutorial.py DIRECTORY
"""

import sys
import tarfile
import time
import zipfile
from pathlib import Path

import xrt_client as xrt_prods

MY_EMAIL = "me@myinstitute.example.org"


def build():
    """Return a request for six products of GRB 200416A."""
    request = xrt_prods.XRTProductRequest(MY_EMAIL, silent=True)
    request.setGlobalPars(
        name="GRB 200416A",
        getTargs=True,
        centroid=True,
        RA=335.6985,
        Dec=-7.5179,
        centMeth="simple",
        useSXPS=False,
        T0=608713541.952,
        posErr=1,
    )
    request.addLightCurve(binMeth="counts", pcCounts=20, wtCounts=30, dynamic=True)
    request.addSpectrum(hasRedshift=False)
    request.addStandardPos()
    request.addEnhancedPos()
    request.addAstromPos(useAllObs=True)
    request.addImage()
    return request


def follow(request):
    """Ask once a minute until every product has ended; print the steps that are active."""
    while not request.complete:
        time.sleep(60)
        for name, product in request.checkProductStatus().items():
            steps = product.get("progress", {}).get("ProgressSteps", [])
            active = [step["StepLabel"] for step in steps if step["StepStatus"] == 1]
            print(f"{name}: {product['statusText']} {' '.join(active)}")


def fetch(request, folder):
    """Download all products in each of the three formats; return how many archives could be opened."""
    opened = 0
    for form in ("zip", "tar", "tar.gz"):
        files = request.downloadProducts(str(folder), what="all", format=form, stem=form.replace(".", ""))
        for file in files.values():
            with zipfile.ZipFile(file) if form == "zip" else tarfile.open(file) as archive:
                opened += bool(archive.namelist() if form == "zip" else archive.getnames())
    return opened


def main(folder):
    """Run the tutorial and return the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    request = build()
    valid, problems = request.isValid()
    if not valid or not request.submit():
        print(problems or request.submitError)
        return 1
    print(f"job {request.JobID} at {request.URL}")
    time.sleep(60)
    _, codes = request.cancelProducts(what=["Image"])
    print(f"image: {codes['Image']}")
    follow(request)
    print(f"{fetch(request, folder)} archives opened")
    for name in ("Standard", "Enhanced", "Astrom"):
        position = getattr(request, f"retrieve{name}Pos")()
        print(f"{name}: {position}")
    again = xrt_prods.XRTProductRequest(MY_EMAIL, silent=True)
    again.copyOldJob(request.JobID, becomeThis=True)
    curve = again.retrieveLightCurve(returnData=True)
    print(f"light curve: {', '.join(curve['Datasets'])}")
    spectrum = again.retrieveSpectralFits(returnData=True)
    print(f"spectra: {', '.join(spectrum['rnames'])}")
    print(f"old jobs: {[job['Name'] for job in again.listOldJobs()]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "tutorial_data")))
