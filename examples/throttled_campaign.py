"""Campaign of 25 sources: light curves and spectra, with at most five jobs at a time.

It follows the example in the documentation of the service: submit while fewer than five jobs are active, wait, download
what has ended, note what failed. It runs against the real service as it is, and within seconds under ``xrt-mock run``.
To run it with the official client, change the first import to ``import swifttools.ukssdc.xrt_prods as xrt_prods``.

    xrt-mock run -- python examples/throttled_campaign.py DIRECTORY
"""

import sys
import tarfile
import time
from pathlib import Path

import xrt_client as xrt_prods

MY_EMAIL = "me@myinstitute.example.org"
MAX_JOBS = 5
SOURCES = [
    "GRB 200416A",
    "GRB 130925A",
    "GRB 220427A",
    "GRB 060729",
    "GRB 070616",
    "GRB 080319B",
    "GRB 101225A",
    "GK Per",
    "FO Aqr",
    "AM Her",
    *(f"GRB {year:02d}{month:02d}14A" for year in (21, 22, 23, 24, 25) for month in (3, 7, 11)),
]


def new_request(name):
    """Return a request for one source; the service works out position, targets and T0."""
    request = xrt_prods.XRTProductRequest(MY_EMAIL, silent=True)
    request.setGlobalPars(name=name, getCoords=True, getTargs=True, getT0=True, centroid=True, posErr=1, useSXPS=False)
    request.addLightCurve(binMeth="counts", pcCounts=20, wtCounts=30, dynamic=True)
    request.addSpectrum(hasRedshift=False)
    return request


def collect(request, folder):
    """Download all products of a job that has ended, open each archive, and return how many there were."""
    files = request.downloadProducts(str(folder), what="all", format="tar.gz", stem=f"job{request.JobID}")
    for file in files.values():
        with tarfile.open(file) as archive:
            names = archive.getnames()
        print(f"  {Path(file).name}: {len(names)} members")
    return len(files)


def main(folder):
    """Run the campaign and return the exit code: 0 if every product was downloaded."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting, running, refused, opened = list(SOURCES), [], [], 0
    while waiting or running:
        for request in [request for request in running if request.complete]:
            opened += collect(request, folder)
            running.remove(request)
        while waiting and xrt_prods.countActiveJobs(MY_EMAIL) < MAX_JOBS:
            request = new_request(waiting.pop(0))
            if request.submit():
                running.append(request)
            else:
                refused.append(request.submitError)
        if waiting or running:
            time.sleep(120)
            print(f"submitted {len(SOURCES) - len(waiting)} / {len(SOURCES)} jobs, {len(running)} running")
    print(f"{opened} products downloaded and opened, {len(refused)} submissions refused")
    return 0 if opened == 2 * len(SOURCES) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "campaign_data")))
