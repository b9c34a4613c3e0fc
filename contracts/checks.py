"""What OpenAPI cannot say about one call and its answer. Pure: exchanges in, findings out.

Each rule is a function from an exchange to sentences about what is wrong; :func:`findings` applies them all. What needs
a memory of earlier calls is in `history`.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from . import documents
from .documents import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .harness import Exchange

PRODUCTS = {
    "lc": "lc",
    "spec": "spec",
    "psf": "dopsf",
    "enh": "doenh",
    "xastrom": "doxastrom",
    "image": "image",
    "sourceDet": "sourceDet",
}
"""Short names, and the flag that asks for each."""
OFFICIAL_CLIENT = "xrt_prods"
RESOLVING = ("getCoords", "getTargs", "getT0")
_GROUPS = {
    "LightCurve": ("lc",),
    "Spectrum": ("spec",),
    "positions": ("psf", "enh", "xastrom"),
    "AstromPos": ("xastrom",),
    "Image": ("image",),
    "SourceDet": ("sourceDet",),
}
_NOT_IN_ECHO = {*RESOLVING, "notify", "outdir"}
_COMPUTED = {"RA", "Dec", "targ", "Tstart", "dopsf", "grades", "specgrades"}
_MAIN_ANSWERS = {
    "RebinLightCurve": {"RebinAccepted"},
    "CheckRebinStatus": {"RebinStatus"},
    "CancelRebin": {"RebinCancelled"},
    "DownloadLightCurve": {"RebinnedLightCurve", "NoLightCurve"},
    "OtherFunction": set(),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Parameters
    ----------
    rule
        Name of the rule that noticed.
    operation
        Operation ID.
    words
        What is wrong.
    exchange
        The call, for people.
    """

    rule: str
    operation: str
    words: str
    exchange: str = ""

    def __str__(self) -> str:
        where = f"{self.operation}: " if self.operation else ""
        return f"{where}{self.words} [{self.rule}]" + (f"\n    {self.exchange}" if self.exchange else "")


RULES: list[Callable[[str, Exchange], Iterator[str]]] = []


def rule(function: Callable[[str, Exchange], Iterator[str]]) -> Callable[[str, Exchange], Iterator[str]]:
    """Register a rule about one exchange."""
    RULES.append(function)
    return function


def findings(exchange: Exchange) -> list[Finding]:
    """Return what is wrong with one call and its answer."""
    operation = documents.operation_for(exchange.method, exchange.path)
    if operation is None:
        return []
    return [
        Finding(check.__name__, operation, words, str(exchange))
        for check in RULES
        for words in check(operation, exchange)
    ]


def succeeded(exchange: Exchange) -> bool:
    """Whether an application answer says that it was done."""
    body = exchange.body
    return exchange.status == 200 and isinstance(body, dict) and "ERROR" not in body and bool(body.get("OK"))


def version_of(request: Any) -> tuple[int, ...] | None:
    """Return the caller's ``api_version`` as numbers, or None if it has none that can be read."""
    text = str(request.get("api_version", "")) if isinstance(request, dict) else ""
    parts = text.split(".")
    return tuple(map(int, parts)) if all(p.isascii() and p.isdigit() for p in parts) and len(parts) <= 3 else None


def names_in(text: Any) -> list[str]:
    """Return the names of a comma separated list, each once."""
    return (
        list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip())) if isinstance(text, str) else []
    )


def asked_products(job_pars: Mapping[str, Any]) -> set[str]:
    """Return the short names of what a request asks for; an astrometric position brings the standard one."""
    found = flagged_products(job_pars)
    return found | ({"psf"} if "xastrom" in found else set())


def flagged_products(job_pars: Mapping[str, Any]) -> set[str]:
    """Return the short names of the products whose flag is set."""
    return {
        name for name, flag in PRODUCTS.items() if str(job_pars.get(flag, 0)).lower() in {"1", "1.0", "true", "yes"}
    }


def variant_of(operation: str, exchange: Exchange) -> str | None:
    """Return the documented kind of answer this is, or None if it is none."""
    try:
        return documents.check_response(operation, exchange.status, exchange.body)
    except ContractViolation:
        return None


# the answer alone ------------------------------------------------------------------------------------------------


@rule
def answer_is_documented(operation: str, exchange: Exchange) -> Iterator[str]:
    """Status code, label and body are among the documented ones."""
    try:
        documents.check_response(operation, exchange.status, exchange.body, exchange.label or None)
    except ContractViolation as violation:
        yield str(violation)


@rule
def server_does_not_fail(_operation: str, exchange: Exchange) -> Iterator[str]:
    """No 5xx without a fault having been planned."""
    if exchange.status >= 500:
        yield f"the server failed with HTTP status {exchange.status}"


@rule
def every_name_has_its_table(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Names listed in an answer are keys of it, and no others of their kind."""
    body = exchange.body
    if not isinstance(body, dict):
        return
    datasets = body.get("Datasets", body.get("datasets"))
    if isinstance(datasets, list):
        tables = [key.removesuffix("Data") for key in body if key.endswith("Data")]
        if sorted(map(str, datasets)) != sorted(tables):
            yield f"it lists the data sets {datasets}, but holds tables for {tables}"
    if isinstance(body.get("rnames"), list):
        known = {"OK", "APIVersion", "T0", "DeltaFitStat", "GalNH_unfitted", "GalNH", "rnames", "deprecationWarning"}
        intervals = [key for key in body if key not in known]
        if sorted(map(str, body["rnames"])) != sorted(intervals):
            yield f"it lists the intervals {body['rnames']}, but holds {intervals}"


@rule
def flags_tell_which_tables_there_are(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Early light curve answers: hasWT is 1 exactly if WTData is there."""
    body = exchange.body if isinstance(exchange.body, dict) else {}
    for key, value in body.items():
        if key.startswith("has") and key != "hasProd" and (f"{key[3:]}Data" in body) != bool(value):
            yield f"{key} is {value}, but {key[3:]}Data is {'there' if f'{key[3:]}Data' in body else 'missing'}"


@rule
def listed_modes_and_models_are_there(operation: str, exchange: Exchange) -> Iterator[str]:
    """Every mode and model that a spectrum lists is a key beside the list."""
    if operation == "getSpecData" and isinstance(exchange.body, dict):
        for interval in exchange.body.values():
            for mode in interval.get("Modes", ()) if isinstance(interval, dict) else ():
                if mode not in interval:
                    yield f"the mode {mode} is listed, but missing"
                for model in interval.get(mode, {}).get("Models", ()):
                    if model not in interval[mode]:
                        yield f"the model {model} of {mode} is listed, but missing"


@rule
def steps_run_in_order(operation: str, exchange: Exchange) -> Iterator[str]:
    """At most one active step in a list; those before it done, those after it not reached."""
    if operation != "checkProductStatus" or not isinstance(exchange.body, dict):
        return
    for name, product in exchange.body.items():
        progress = product.get("progress", {}) if isinstance(product, dict) else {}
        steps = progress.get("ProgressSteps", []) if isinstance(progress, dict) else []
        for series in (steps, *(step.get("SubStep", []) for step in steps)):
            states = [step.get("StepStatus") for step in series]
            if states != sorted(states, key=lambda s: -s if isinstance(s, int) else 0) or states.count(1) > 1:
                yield f"the steps of {name} have the states {states}: done, one active, not reached is the order"


@rule
def partly_cancelled_means_some_were_not(operation: str, exchange: Exchange) -> Iterator[str]:
    """OK 2 needs a code other than 0; status and statusCodes name the same products."""
    body = exchange.body
    if operation == "canceljob" and succeeded(exchange) and isinstance(body.get("statusCodes"), dict):
        if body["OK"] == 2 and not any(body["statusCodes"].values()):
            yield "OK is 2, yet every product was cancelled"
        if list(body["statusCodes"]) != list(body.get("status", {})):
            yield "status and statusCodes name different products"


@rule
def jobs_are_listed_newest_first(operation: str, exchange: Exchange) -> Iterator[str]:
    """The list goes from the highest JobID down, without repetition."""
    if operation == "listOldJobs" and succeeded(exchange) and isinstance(exchange.body.get("jobs"), list):
        ids = [job.get("JobID", 0) for job in exchange.body["jobs"]]
        if any(a <= b for a, b in pairwise(ids)):
            yield f"the list is not in descending order of JobID: {ids[:10]}"


@rule
def problems_name_parameters(operation: str, exchange: Exchange) -> Iterator[str]:
    """A refusal's list names parameters by their wire names, as separate words: clients replace them by their own."""
    body = exchange.body
    if operation != "run_userobject" or not isinstance(body, dict) or not isinstance(body.get("listErr"), list):
        return
    known = {entry["wire_name"] for entry in documents.parameter_catalogue()}
    for problems in body["listErr"]:
        for sentence in problems.get("list", []) if isinstance(problems, dict) else []:
            if isinstance(sentence, str) and sentence.split(" ")[0] not in known:
                yield f"{sentence!r} does not begin with the wire name of a parameter"


@rule
def refusals_carry_the_list_only_for_parameters(_operation: str, exchange: Exchange) -> Iterator[str]:
    """The documented sentence about parameters comes with the list of problems, and the list with that sentence."""
    body = exchange.body
    if isinstance(body, dict) and body.get("OK") == 0:
        sentence = body.get("ERROR") == "There were problems with the parameters you supplied."
        if sentence != ("listErr" in body):
            yield f"ERROR is {body.get('ERROR')!r}, and listErr is {'there' if 'listErr' in body else 'missing'}"


@rule
def files_are_not_compressed_in_transfer(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Clients store light curve files as they come off the socket."""
    if "content-encoding" in exchange.headers:
        yield f"the answer is compressed in transfer ({exchange.headers['content-encoding']})"


@rule
def archives_unpack(operation: str, exchange: Exchange) -> Iterator[str]:
    """An archive is of the kind its name says, and holds one directory, the job's, with the product's own in it."""
    if operation != "downloadProduct" or exchange.status != 200:
        return
    directory, name = exchange.path.rsplit("/", 2)[-2:]
    stem = name.split(".", 1)[0]
    members = archive_members(name, exchange.content)
    if members is None:
        yield f"{name} cannot be unpacked"
    elif not members:
        yield f"{name} is empty"
    elif strays := [m for m in members if m.split("/")[0] != directory]:
        yield f"{name} holds {strays[:3]} outside {directory}/"
    elif stem != "all" and (others := [m for m in members if m.count("/") and m.split("/")[1] not in {stem, ""}]):
        yield f"{name} holds {others[:3]}, which belong to other products"


def archive_members(name: str, content: bytes) -> list[str] | None:
    """Return the files of an archive, or None if it is not of the kind its name says."""
    try:
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                return packed.namelist()
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz" if name.endswith(".gz") else "r:") as tar:
            return tar.getnames()
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError):
        return None


# the answer and its request --------------------------------------------------------------------------------------


@rule
def wrong_requests_are_refused(operation: str, exchange: Exchange) -> Iterator[str]:
    """A request outside the contract is not carried out."""
    if not documents.operation(operation).request_content() or operation == "register" or not succeeded(exchange):
        return
    if not exchange.request_is_json:
        yield "a body that is not JSON was not refused"
    elif problem := clearly_wrong(operation, exchange.request):
        yield f"a request outside the contract was carried out: {problem}"


def clearly_wrong(operation: str, request: Any) -> str | None:
    """Return what is wrong with a request under every reading of its values, or None.

    Text for a number, a number for text, other case, blanks around: tolerance of that kind is nobody's business. So are
    parameters of products that were not asked for, and what a caller says about itself.
    """
    if not isinstance(request, dict):
        return "the body is not an object"
    request = {key: value for key, value in request.items() if key not in {"api_name", "api_version"}}
    if operation == "main":  # what the caller says about itself and its object is nobody's business either
        kind = "REBIN_LC" if request.get("APIFunc") == "downloadLightCurve" else "UOB_LC"
        request = {**request, "APIVersion": "1.0.5", "type": kind}
    try:
        documents.check_request(operation, request)
    except ContractViolation as violation:
        key = violation.where.split("/")[0]
        if not key:
            return str(violation.reason)
        if operation == "run_userobject" and not _concerns(key, request):
            return clearly_wrong(operation, {k: v for k, v in request.items() if k != key})
        for reading in _readings(request[key]):
            changed = {**request, key: reading}
            if _passes(operation, changed, key):
                return clearly_wrong(operation, changed)
        return f"{key}: {violation.reason}"
    return None


def _concerns(key: str, request: Mapping[str, Any]) -> bool:
    schema = documents.load()["components"]["schemas"]["Submission"]["properties"].get(key, {})
    name = schema.get("x-spelling-of", key)
    if name != key and name in request:
        return False  # the wire name goes before other spellings
    groups = documents.load()["components"]["schemas"]["Submission"]["properties"].get(name, {}).get("x-product", [])
    wanted = asked_products(request)
    return "server" not in groups and any(group == "global" or wanted & set(_GROUPS.get(group, ())) for group in groups)


def _readings(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        yield "".join(c for c in value if c.isprintable()).strip()
        yield "".join(c for c in value if c.isprintable()).strip().casefold()
        yield value.split(",")
    elif isinstance(value, int | float):
        yield str(value)
        yield int(value) if abs(value) < 1e15 else str(value)


def _passes(operation: str, request: Mapping[str, Any], key: str) -> bool:
    try:
        documents.check_request(operation, request)
    except ContractViolation as violation:
        return violation.where.split("/")[0] not in {"", key}
    return True


@rule
def answers_name_what_was_asked(operation: str, exchange: Exchange) -> Iterator[str]:
    """Status and cancel answers have one entry for each name in what, and the JobID of the request."""
    if not succeeded(exchange) or not isinstance(exchange.request, dict):
        return
    body, request = exchange.body, exchange.request
    asked = names_in(request.get("what"))
    if operation == "checkProductStatus":
        answered = [key for key in body if key not in {"OK", "JobID", "APIVersion", "deprecationWarning"}]
        if sorted(answered) != sorted(asked):
            yield f"asked about {asked}, answered about {answered}"
    if operation == "canceljob" and sorted(body.get("statusCodes", {})) != sorted(asked):
        yield f"asked to cancel {asked}, answered about {list(body.get('statusCodes', {}))}"
    key = {"getOldProduct": "oldJob", "checkProductStatus": "JobID", "canceljob": "JobID"}.get(operation)
    if key and str(request.get(key)).isdigit() and body.get(key) != int(request[key]):
        yield f"asked about job {request[key]}, answered about job {body.get(key)}"


@rule
def progress_comes_only_when_asked_for(operation: str, exchange: Exchange) -> Iterator[str]:
    """GotProgress is 0 for products that are not in whatProg."""
    if operation == "checkProductStatus" and succeeded(exchange) and isinstance(exchange.request, dict):
        wanted = names_in(exchange.request.get("whatProg"))
        for name in names_in(exchange.request.get("what")):
            got = exchange.body.get(name, {}).get("progress", {}).get("GotProgress")
            if got and name not in wanted:
                yield f"progress of {name} was sent, though nobody asked for it"


@rule
def addresses_belong_to_the_job(operation: str, exchange: Exchange) -> Iterator[str]:
    """The URL of an answer ends in the directory of its own job."""
    if succeeded(exchange) and operation in {"run_userobject", "getOldProduct"}:
        number = exchange.body.get("JobID", exchange.body.get("oldJob"))
        if not str(exchange.body.get("URL")).endswith(f"/USERPROD_{number}"):
            yield f"the URL {exchange.body.get('URL')} is not that of job {number}"


@rule
def form_follows_the_callers_version(operation: str, exchange: Exchange) -> Iterator[str]:
    """Light curves and spectra come in the form that the caller's api_version can read."""
    variant = variant_of(operation, exchange) if operation in {"getLCData", "getSpecData"} else None
    if variant is None or not succeeded(exchange):
        return
    version = version_of(exchange.request) or (1, 12)
    if operation == "getLCData":
        expected = {"LightCurve18"} if version < (1, 9) else {"LightCurve19"} if version < (1, 10) else {"LightCurve"}
    else:
        expected = {"SpectraOld", "NoSpectra"} if version < (1, 10) else {"Spectra", "NoSpectra"}
    if variant not in expected:
        yield f"a caller of version {version} was answered with {variant}, not {' or '.join(sorted(expected))}"


@rule
def datasets_follow_the_switches(operation: str, exchange: Exchange) -> Iterator[str]:
    """Switches nosys and incbad say whether names have _nosys and _incbad: no, only those, or both."""
    body = exchange.body
    if (
        operation not in {"getLCData", "main"}
        or not isinstance(body, dict)
        or not isinstance(body.get("Datasets"), list)
    ):
        return
    request = exchange.request if isinstance(exchange.request, dict) else {}
    for key, default in (("nosys", "no"), ("incbad", "yes" if operation == "main" else "no")):
        wish = request.get(key) or default
        for name in body["Datasets"]:
            if wish in {"yes", "no"} and (f"_{key}" in name) != (wish == "yes"):
                yield f"{key} is {wish}, but {name} was sent"


@rule
def shared_functions_answer_in_kind(operation: str, exchange: Exchange) -> Iterator[str]:
    """Each function of main.php has its own success; a failure has no key OK."""
    if operation != "main" or not isinstance(exchange.body, dict) or "OK" not in exchange.body:
        return
    try:
        asked = documents.check_request("main", exchange.request)
    except ContractViolation:
        return
    answered = variant_of("main", exchange)
    if answered is not None and answered not in _MAIN_ANSWERS[asked]:
        yield f"{asked} was answered with {answered}"


# what a submission echoes ----------------------------------------------------------------------------------------


@rule
def given_values_are_echoed(operation: str, exchange: Exchange) -> Iterator[str]:
    """In jobPars stands what the caller gave, unless the service worked it out."""
    if operation != "run_userobject" or not succeeded(exchange) or not isinstance(exchange.request, dict):
        return
    echo = exchange.body.get("jobPars", {})
    schema = documents.load()["components"]["schemas"]["Submission"]["properties"]
    for key, value in exchange.request.items():
        name = schema.get(key, {}).get("x-spelling-of", key)
        if name in _COMPUTED | _NOT_IN_ECHO or name not in schema or value in (None, "", []):
            continue
        if "server" in schema[name]["x-product"] or (name != key and name in exchange.request):
            continue
        if name not in echo:
            yield f"{key} was given as {value!r}, but is not in jobPars"
        elif not same(value, echo[name]):
            yield f"{key} was given as {value!r}, but jobPars has {echo[name]!r}"


def same(given: Any, echoed: Any) -> bool:
    """Whether two spellings mean the same value: text and numbers, switches, codes, upper and lower case."""
    if isinstance(given, bool):
        given = int(given)
    if isinstance(given, list) or isinstance(echoed, list):
        return given == echoed or str(given).casefold() == ",".join(map(str, echoed)).casefold()
    try:
        return float(given) == float(echoed)
    except (TypeError, ValueError):
        pass
    one, other = ("".join(c for c in str(v) if c.isalnum()).casefold() for v in (given, echoed))
    return one == other or one.isdigit() or {"yes": "1", "true": "1", "no": "0", "false": "0"}.get(one) == other


@rule
def resolving_switches_are_for_raw_callers(operation: str, exchange: Exchange) -> Iterator[str]:
    """getCoords, getTargs and getT0 stay in jobPars for callers without api_name, and are left out for the client."""
    if operation == "run_userobject" and succeeded(exchange) and isinstance(exchange.request, dict):
        echo = exchange.body.get("jobPars", {})
        official = exchange.request.get("api_name") == OFFICIAL_CLIENT
        for name in RESOLVING:
            if official and name in echo:
                yield f"{name} is in jobPars, which the official client takes for a wish"
            if not official and exchange.request.get(name) in (1, True) and echo.get(name) != 1:
                yield f"{name} was given by a caller without api_name, but is not in jobPars"


@rule
def asked_products_are_in_the_job(operation: str, exchange: Exchange) -> Iterator[str]:
    """The flags of jobPars are those of the request; an astrometric position brings the standard one."""
    if operation == "run_userobject" and succeeded(exchange) and isinstance(exchange.request, dict):
        wanted, got = asked_products(exchange.request), flagged_products(exchange.body.get("jobPars", {}))
        if wanted != got:
            yield f"asked for {sorted(wanted)}, but the job has {sorted(got)}"


def defaults_are_the_documented_ones(exchange: Exchange) -> Iterator[str]:
    """What the caller left out has its documented default; not a rule, since defaults may change with time."""
    echo, request = exchange.body.get("jobPars", {}), exchange.request
    wanted = asked_products(echo)
    for name, schema in documents.load()["components"]["schemas"]["Submission"]["properties"].items():
        default = expected_default(name, schema.get("x-default"), request)
        if default is None or name in request or name in _NOT_IN_ECHO | _COMPUTED | set(PRODUCTS.values()):
            continue
        groups = schema["x-product"]
        concerned = any(wanted & set(_GROUPS.get(group, ())) for group in groups)
        if (set(groups) == {"global"} or concerned) and echo.get(name) != default:
            yield f"{name} was not given: jobPars has {echo.get(name)!r}, documented is {default!r}"


def expected_default(name: str, default: Any, request: Mapping[str, Any]) -> Any:
    """Return a documented default where it depends on the request."""
    if name == "hrbin":
        return 1 if request.get("binMeth") == "time" else 0
    if name in {"wtpuprate", "pcpuprate"} and str(request.get("sss", 0)) in {"1", "True"}:
        return None
    return default
