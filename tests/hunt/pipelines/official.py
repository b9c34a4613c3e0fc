"""With the official client, two jobs at a time."""

import os
import sys
import tarfile
import time

import swifttools.ukssdc.xrt_prods as ux

EMAIL, MAX_JOBS = "me@example.org", 2
SOURCES = ("GRB 060729", "GRB 070616", "GRB 080319B")
DAY = 86400


def retried(work, *arguments):
    """Return what `work` returns, however long the service takes to do it."""
    for attempt in range(40):
        try:
            return work(*arguments)
        except Exception as error:
            last = error
            time.sleep(min(3600, 60 * 2**attempt))
    raise RuntimeError(f"no answer: {last}")


def number_of(name):
    jobs = retried(ux.listOldJobs, EMAIL)
    return next((int(job["JobID"]) for job in jobs if job["Name"] == name), None)


def room():
    until = time.time() + 5 * DAY
    while retried(ux.countActiveJobs, EMAIL) >= MAX_JOBS:
        if time.time() > until:
            raise RuntimeError("no room")
        time.sleep(600)


def start(name):
    for _ in range(50):
        job = number_of(name)
        if job is not None:
            return job
        room()
        request = ux.XRTProductRequest(EMAIL, silent=True)
        request.setGlobalPars(name=name, getCoords=True, getTargs=True, centroid=False, useSXPS=False)
        request.addLightCurve(binMeth="obsid")
        try:
            if request.submit():
                return int(request.JobID)
        except Exception:
            pass
        time.sleep(1800)
    raise RuntimeError("not accepted")


def known(job):
    request = ux.XRTProductRequest(EMAIL, silent=True)
    request.copyOldJob(job, becomeThis=True)
    return request


def complete(request):
    request.checkProductStatus()
    return request.complete


def finish(name, job):
    request = retried(known, job)
    until = time.time() + 5 * DAY
    while not retried(complete, request):
        if time.time() > until:
            raise RuntimeError("stuck")
        time.sleep(300)
    for _ in range(20):
        try:
            saved = request.downloadProducts(".", stem=f"new{job}", what=["LightCurve"], silent=True, clobber=True)
            with tarfile.open(saved["LightCurve"]) as archive:
                archive.getnames()  # raises an error if a part is missing
            os.replace(saved["LightCurve"], path_of(name))
            return
        except Exception:
            time.sleep(1800)
    raise RuntimeError("not downloaded")


def path_of(name):
    return name.replace(" ", "_") + ".tar.gz"


def main():
    failed, jobs = [], {}
    for step in (lambda name: jobs.update({name: start(name)}), lambda name: finish(name, jobs[name])):
        for name in SOURCES:
            try:
                if not os.path.exists(path_of(name)) and not any(line.startswith(name) for line in failed):
                    step(name)
            except Exception as error:
                failed.append(f"{name} failed: {error}")
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
