"""An answer does not agree with earlier ones."""

from __future__ import annotations

from tests.contract.breakages.status import steps
from tests.contract.broken import (
    ARCHIVES,
    CANCELLING,
    COURSE,
    DEFAULTS,
    DEMANDED,
    NEW,
    RANGE,
    REFUSAL,
    RESULTS,
    WIRE,
    Call,
    breaks,
    echoes,
    sets,
)


@breaks("archives are sent after their expiry", "downloadProduct", *ARCHIVES)
def _for_ever(call, server):
    if call.status == 200:
        server.memory[call.path] = call.body, dict(call.headers)
    elif call.path in server.memory:
        call.status, (call.body, call.headers) = 200, server.memory[call.path]


@breaks("results are sent after their expiry", "getPSFPos", *ARCHIVES)
def _results_for_ever(call, _server):
    if call.refused and "no longer" in call.body["ERROR"]:
        call.body = {"OK": 1, "APIVersion": "1.12", "GotPos": 0, "FromSXPS": 0}


@breaks("parameters go with the products", "getOldProduct", *ARCHIVES)
def _forgets(call, server):
    if call.done and server.ask("listOldJobs", {"UserID": call.request["UserID"]})["jobs"][0]["hasProd"] is False:
        call.body = {"OK": 0, "ERROR": "Job 1 does not exist", "APIVersion": "1.12"}


@breaks("the list has the last two jobs alone", "listOldJobs", "the_list_grows_at_its_head", *NEW)
def _short_list(call, _server):
    if call.done:
        call.body["jobs"] = call.body["jobs"][:2]


@breaks("statuses are those of the call before", "checkProductStatus", *COURSE, *CANCELLING)
def _late(call, server):
    if call.done:
        key = (call.request.get("JobID"), call.request.get("what"), call.request.get("whatProg"))
        before = server.memory.get(key, call.body)
        server.memory[key] = call.body
        call.body = before


@breaks("one product cancels them all", "canceljob", "what_was_cancelled_stays_cancelled", *CANCELLING, *ARCHIVES)
def _all_cancelled(call, server):
    if call.done and 0 in call.body["statusCodes"].values():
        every = "lc,spec,psf,enh,xastrom,image,sourceDet"
        server.ask("canceljob", {"UserID": call.request["UserID"], "JobID": call.request["JobID"], "what": every})


@breaks("products are counted instead of jobs", "getNumJobs", *NEW)
def _products_counted(call, _server):
    if call.done:
        call.body["numJobs"] *= 2


@breaks("cancelled jobs are counted", "getNumJobs", *CANCELLING)
def _cancelled_counted(call, server):
    if call.done:
        call.body["numJobs"] = max(call.body["numJobs"], server.memory.get(call.request["UserID"], 0))
        server.memory[call.request["UserID"]] = call.body["numJobs"]


@breaks("numbers of jobs are used again", "run_userobject", "every_submission_is_a_new_job", *NEW)
def _used_again(call, _server):
    if call.done:
        call.body["JobID"] = str(int(call.body["JobID"]) % 2 + 1)
        call.body["URL"] = f"{call.body['URL'].rsplit('_', 1)[0]}_{call.body['JobID']}"


@breaks("numbers of jobs go down", "run_userobject", "every_submission_is_a_new_job")
def _downwards(call, _server):
    if call.done:
        call.body["JobID"] = str(10_000 - int(call.body["JobID"]))
        call.body["URL"] = f"{call.body['URL'].rsplit('_', 1)[0]}_{call.body['JobID']}"


@breaks("the ends of a range do not belong to it", "run_userobject", *RANGE, incoming=True)
def _exclusive(call, _server):
    if isinstance(call.request, dict) and call.request.get("poserr") == 1 and "lc" in call.request:
        call.request = {**call.request, "poserr": 0.5}


@breaks("each parameter is refused alone", "run_userobject", *REFUSAL)
def _one_by_one(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] = problems["list"][:1]


@breaks("a parameter is listed twice", "run_userobject", *DEMANDED)
def _twice(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] *= 2


@breaks("problems name no key of a status call", "checkProductStatus", "status_answers_for_every_name_asked")
def _nameless(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] = ["something is wrong"]


@breaks("the archive of all products lacks one", "downloadProduct", *ARCHIVES)
def _lacks_one(call, server):
    if call.status == 200 and "/all." in call.path:
        server.forward(Call("GET", call.path.replace("/all.", "/image."), "downloadProduct", b"", ""))
        other = server.forward(Call("GET", call.path.replace("/all.", "/image."), "downloadProduct", b"", ""))
        call.body = other.body


@breaks("the tar is a zip", "downloadProduct", *ARCHIVES)
def _zip(call, server):
    if call.status == 200 and call.path.endswith(".tar"):
        call.body = server.forward(Call("GET", call.path.replace(".tar", ".zip"), "downloadProduct", b"", "")).body


@breaks("progress goes back", "checkProductStatus", *COURSE)
def _back(call, server):
    found = steps(call, "psf")
    states = [step["StepStatus"] for step in found]
    if sum(states) > server.memory.get("least", 100):
        for step in found:
            step["StepStatus"] = 1 if step is found[0] else 0
    elif found:
        server.memory["least"] = sum(states)


@breaks("a light curve has another time format", "getLCData", *RESULTS)
def _other_format(call, _server):
    if call.done and "TimeFormat" in call.body:
        call.body["TimeFormat"] = "MJD"


sets("a light curve has another T0", "getLCData", *RESULTS, T0=1.0)
sets("a light curve has no T0", "getLCData", *RESULTS, T0=...)
sets("spectra have another threshold", "getSpecData", *RESULTS, DeltaFitStat=1.0)


@breaks("old light curves have other rates", "getLCData", *RESULTS)
def _other_rates(call, _server):
    if call.done and "hasWT" in call.body:
        for row in call.body["PCData"]["data"]:
            row[3] *= 1.1


@breaks("old spectra have other exposures", "getSpecData", *RESULTS)
def _other_exposures(call, _server):
    if call.done and "HavePC" in call.body.get("interval0", {}):
        call.body["interval0"]["PC"]["exposure"] += 1


@breaks("rows are not in the order of time", "getLCData", *RESULTS)
def _reversed(call, _server):
    if call.done:
        call.body.get("PCData", {}).get("data", []).reverse()


@breaks("a fit has a positive lower error", "getSpecData", *RESULTS)
def _positive(call, _server):
    fit = call.body.get("interval0", {}).get("PC", {}).get("PowerLaw") if call.done else None
    if fit:
        fit["GammaNeg"] = -fit["GammaNeg"]


@breaks("a mode is listed nowhere", "getSpecData", *RESULTS)
def _unlisted(call, _server):
    if call.done and "Modes" in call.body.get("interval0", {}):
        call.body["interval0"]["Modes"].pop()


@breaks("two sources have one number", "getSourceDetResults", *RESULTS)
def _same_number(call, _server):
    if call.done:
        call.body["Total"][0]["sno"] = call.body["Total"][1]["sno"]


@breaks("answers have no label", "getNumJobs", *WIRE)
def _no_label(call, _server):
    call.headers["Content-Type"] = ""


echoes("a name is echoed in capitals", *DEFAULTS, name="grb 200416a")
echoes("outdir is that of another job", *DEFAULTS, outdir="USERPROD_99")
echoes("the start is rounded", *DEFAULTS, Tstart=608713500)


@breaks("a rebinned curve has another binning", "main", "light_curves_can_be_rebinned")
def _other_binning(call, _server):
    if call.done and "Binning" in call.body:
        call.body["Binning"] = "Counts"


@breaks("the position of a burst is not complete", "main", "known_bursts_have_products")
def _incomplete(call, _server):
    if call.done:
        call.body.pop("Best_Err90", None)
