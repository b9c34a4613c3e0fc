"""Questions about finished jobs: results, files, archives, rebinned curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import harness
from ..bodies import BASE, EVERYTHING, IMAGE, LIGHT_CURVE
from ..protocol import PRODUCTS, official, succeeded
from .asking import ROOT, probe
from .living import naming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..harness import Exchange
    from .asking import Examination


@probe(instant=True)
def results_are_refused_before_the_end(exam: Examination) -> None:
    """And so are those of products outside the job; files do not exist yet."""
    job = exam.submit(EVERYTHING)
    image_alone = exam.submit(IMAGE)
    for name, body in list(naming(job))[3:]:
        exam.refusal(exam.ask(name, body), f"{name} before the end")
        exam.refusal(exam.ask(name, JobID=image_alone), f"{name} of a product outside the job")
    for stem in (*PRODUCTS, "all"):
        made = exam.get(f"{ROOT}tprods/USERPROD_{job}/{stem}.zip")
        exam.expect(made.status == 404, f"{stem}.zip was there before the end", made)


@probe(control=True)
def finished_products_have_results_in_every_callers_form(exam: Examination) -> None:
    """Positions, sources, light curves and spectra, for each generation of clients."""
    job = exam.submit(EVERYTHING)
    exam.finish(job, need=PRODUCTS)
    for name in ("PSFPos", "EnhPos", "EnhPos", "XastromPos", "AstromPos", "SourceDetResults"):
        made = exam.ask(f"tprods/get{name}", JobID=job)
        exam.expect(succeeded(made), f"get{name} of a finished product was refused", made)
    exam.ask("tprods/getPSFPos", JobID=str(job))
    for version in (None, "1.8", "1.9", "1.10", "1.12", 1.5, "nonsense"):
        for name in ("LCData", "SpecData"):
            request = {"JobID": job} if version is None else official({"JobID": job}, version)  # type: ignore[arg-type]
            made = exam.ask(f"tprods/get{name}", request)
            exam.expect(succeeded(made), f"get{name} of a finished product was refused", made)
    for nosys in ("no", "yes", "both"):
        for incbad in ("no", "yes", "both"):
            exam.ask("tprods/getLCData", JobID=job, nosys=nosys, incbad=incbad)
    exam.refusal(exam.ask("tprods/getLCData", JobID=job, nosys="perhaps"), "nosys 'perhaps'")


@probe(control=True)
def files_addressed_inside_answers_are_there(exam: Examination) -> None:
    """Every URL of a light curve and of spectra."""
    job = exam.submit({**LIGHT_CURVE, "spec": 1, "specz": 0})
    exam.finish(job, need=("lc", "spec"))
    answers = [exam.ask(f"tprods/get{name}", JobID=job).body for name in ("LCData", "SpecData")]
    _check_addresses(exam, answers)
    base = f"{ROOT}tprods/USERPROD_{job}"
    for path in (
        f"{base}/lc/nothing.qdp",
        f"{base}/lc/rebin_987654/PCCURVE.qdp",
        f"{ROOT}tprods/USERPROD_987654/index.php",
    ):
        made = exam.get(path)
        exam.expect(made.status == 404, f"{path} is there", made)


def _check_addresses(exam: Examination, answers: Any) -> None:
    for url in sorted(set(_addresses(answers))):
        made = exam.get(harness.path_of(url))
        exam.expect(made.status == 200 and made.content, f"{url} is not there", made)


def _addresses(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"URL", "DataFile", "Image"} and isinstance(value, str):
                yield value
            yield from _addresses(value)
    elif isinstance(node, list):
        for item in node:
            yield from _addresses(item)


@probe(control=True, instant=True)
def archives_hold_what_was_asked_for_until_they_expire(exam: Examination) -> None:
    """In three formats; also of cancelled products; then 404, while parameters and statuses stay."""
    request = {**BASE, "image": 1, "dopsf": 1, "spec": 1, "specz": 0}
    job = exam.submit(request)
    exam.ask("canceljob", JobID=job, what="spec")
    exam.finish(job, need=("image", "psf"))
    exam.statuses(job, "image,psf,spec")
    exam.ask("listOldJobs")
    base = f"{ROOT}tprods/USERPROD_{job}"
    for stem in ("image", "psf", "spec", "all"):
        for ending in ("zip", "tar", "tar.gz"):
            made = exam.get(f"{base}/{stem}.{ending}")
            exam.expect(made.status == 200, f"{stem}.{ending} is missing after the end", made)
            again = exam.get(f"{base}/{stem}.{ending}")
            exam.expect(made.content == again.content, f"{stem}.{ending} is not the same twice", made)
    exam.expect(exam.get(f"{base}/lc.zip").status == 404, "there is an archive of a product that is not in the job")
    exam.advance(exam.expiry_s)
    entry = exam.ask("listOldJobs").body["jobs"][0]
    exam.expect(entry["hasProd"] is False, "hasProd is still true after the products have expired")
    made = exam.get(f"{base}/image.zip")
    exam.expect(made.status == 404, "an archive is still there after its expiry", made)
    exam.refusal(exam.ask("tprods/getPSFPos", JobID=job), "a result that has expired")
    exam.expect(succeeded(exam.ask("getOldProduct", oldJob=job)), "the parameters of an expired job are gone")
    exam.statuses(job)


@probe(control=True, instant=True)
def light_curves_can_be_rebinned(exam: Examination) -> None:
    """The functions of main.php have rules of their own: a failure has no key OK."""
    job = exam.submit(LIGHT_CURVE)
    exam.finish(job, need=("lc",))

    def main(function: str, **body: Any) -> Exchange:
        return exam.call("/API/main.php", {"APIFunc": function, "APIVersion": "1.0.5", **body})

    made = main("rebinLightCurve", type="UOB_LC", objectID=str(job), binMeth="obsid", timeFormat="MJD")
    exam.expect(succeeded(made), "rebinning a finished light curve was refused", made)
    number = int(made.body.get("JobID", 0))
    for _ in range(60):
        state = main("checkRebinStatus", JobID=number)
        if state.body.get("status") == 4:
            break
        exam.advance(3)  # it runs for some seconds
    exam.expect(state.body.get("status") == 4, "a rebinning did not end", state)
    curve = main("downloadLightCurve", type="REBIN_LC", objectID=number)
    exam.expect(succeeded(curve), "a rebinned light curve cannot be downloaded", curve)
    _check_addresses(exam, [curve.body])
    for nosys in ("yes", "both"):
        main("downloadLightCurve", type="REBIN_LC", objectID=number, incbad="no", nosys=nosys)
    other = main("rebinLightCurve", type="UOB_LC", objectID=job, binMeth="snapshot")
    cancelled = main("cancelRebin", JobID=int(other.body["JobID"]))
    exam.expect(succeeded(cancelled), "a rebinning cannot be cancelled", cancelled)
    state = main("checkRebinStatus", JobID=int(other.body["JobID"]))
    exam.expect(state.body.get("status") == -4, "a cancelled rebinning is not -4", state)
    _expect_shared_failure(exam, main("cancelRebin", JobID=number), "cancelling a finished rebinning")


@probe(control=True)
def known_bursts_have_products(exam: Examination) -> None:
    """A burst is found by its name; light curve, spectra and positions are there without a job."""

    def main(function: str, **body: Any) -> Exchange:
        return exam.call("/API/main.php", {"APIFunc": function, "APIVersion": "1.0.5", **body})

    found = main("GRBNameToTargetID", name="GRB 130427A")
    exam.expect(found.body.get("targetID") == 554620, "GRB 130427A is not target 554620", found)
    target = int(found.body.get("targetID", 0))
    unknown = main("GRBNameToTargetID", name="GRB 990101Z")
    exam.expect("NOTFOUND" in unknown.body, "a burst before Swift was found", unknown)
    curve = main("downloadLightCurve", type="GRB", objectID=target)
    spectra = main("downloadSpectrum", type="GRB", objectID=target)
    for exchange in (curve, spectra, main("getGRBPositions", targetID=target, posToGet=["Best", "Enhanced"])):
        exam.expect(succeeded(exchange), "a known burst has no products", exchange)
    _check_addresses(exam, [curve.body, spectra.body])
    made = main("timesliceSpectrum", targetID=target, rnames=["early"], times=["0-100000"], modes=["BOTH"])
    exam.expect(succeeded(made), "a spectrum of other times was refused", made)
    number = int(made.body.get("JobID", 0))
    cancelled = main("cancelSlice", JobID=number)
    exam.expect(succeeded(cancelled), "a spectrum of other times cannot be cancelled", cancelled)
    state = main("checkSliceStatus", JobID=number)
    exam.expect(state.body.get("status") == -4, "a cancelled spectrum of other times is not -4", state)
    _expect_shared_failure(exam, main("rebinLightCurve", type="GRB", objectID=1, binMeth="obsid"), "an unknown burst")


@probe(instant=True)
def shared_functions_fail_without_ok(exam: Examination) -> None:
    """The presence of OK means success to the client, whatever its value."""
    job = exam.submit(LIGHT_CURVE)
    for body, words in (
        ({"APIFunc": "checkRebinStatus", "APIVersion": "1.0.5", "JobID": 987654}, "an unknown rebinning"),
        ({"APIFunc": "cancelRebin", "APIVersion": "1.0.5", "JobID": 987654}, "cancelling an unknown rebinning"),
        ({"APIFunc": "getObsByTarg", "APIVersion": "1.0.5"}, "a function outside the contract"),
        ({"APIFunc": "downloadLightCurve", "APIVersion": "1.0.5", "type": "X", "objectID": 1}, "an unknown type"),
        ({"APIFunc": "nonsense", "APIVersion": "1.0.5"}, "an unknown function"),
        ({"APIVersion": "1.0.5"}, "no function"),
        ("{", "a body that is not JSON"),
        (
            {
                "APIFunc": "rebinLightCurve",
                "APIVersion": "1.0.5",
                "type": "UOB_LC",
                "objectID": job,
                "binMeth": "obsid",
            },
            "rebinning a light curve that is not finished",
        ),
    ):
        _expect_shared_failure(exam, exam.call("/API/main.php", body), words)


def _expect_shared_failure(exam: Examination, made: Exchange, words: str) -> None:
    failed = isinstance(made.body, dict) and "ERROR" in made.body and "OK" not in made.body
    exam.expect(failed, f"{words} did not fail as main.php fails", made)
