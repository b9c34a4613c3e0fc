"""Rules about an answer alone."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from .. import documents
from ..documents import ContractViolation
from ..protocol import archive_members
from .registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..harness import Exchange


@rule()
def answer_is_documented(operation: str, exchange: Exchange) -> Iterator[str]:
    """Status code and body are among the documented ones."""
    try:
        documents.check_response(operation, exchange.status, exchange.body)
    except ContractViolation as violation:
        yield violation.cause


@rule()
def label_is_documented(operation: str, exchange: Exchange) -> Iterator[str]:
    """The Content-Type is among the documented ones."""
    problem = documents.label_problem(operation, exchange.status, exchange.label)
    if problem:
        yield problem


@rule()
def server_does_not_fail(_operation: str, exchange: Exchange) -> Iterator[str]:
    """No 5xx without a planned fault."""
    if exchange.status >= 500:
        yield f"the server failed with HTTP status {exchange.status}"


@rule()
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


@rule()
def flags_match_the_tables(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Early light curve answers: hasWT is 1 exactly if there is a table WTData."""
    body = exchange.body if isinstance(exchange.body, dict) else {}
    for key, value in body.items():
        if key.startswith("has") and key != "hasProd" and (f"{key[3:]}Data" in body) != bool(value):
            yield f"{key} is {value}, but {key[3:]}Data is {'there' if f'{key[3:]}Data' in body else 'missing'}"


@rule("checkProductStatus")
def steps_run_in_order(_operation: str, exchange: Exchange) -> Iterator[str]:
    """At most one active step in a list; the steps before it are done, those after it not reached."""
    if not isinstance(exchange.body, dict):
        return
    for name, product in exchange.body.items():
        progress = product.get("progress", {}) if isinstance(product, dict) else {}
        steps = progress.get("ProgressSteps", []) if isinstance(progress, dict) else []
        for series in (steps, *(step.get("SubStep", []) for step in steps)):
            states = [step.get("StepStatus") for step in series]
            if states != sorted(states, key=lambda s: -s if isinstance(s, int) else 0) or states.count(1) > 1:
                yield f"the steps of {name} have the states {states}: done, one active, not reached is the order"
            if any(not str(step.get("StepLabel")).strip() for step in series):
                yield f"a step of {name} has no label"


@rule("canceljob", successes_only=True)
def partly_cancelled_means_some_were_not(_operation: str, exchange: Exchange) -> Iterator[str]:
    """OK 2 needs a code other than 0; status and statusCodes name the same products."""
    body = exchange.body
    if isinstance(body.get("statusCodes"), dict):
        if body["OK"] == 2 and not any(body["statusCodes"].values()):
            yield "OK is 2, yet every product was cancelled"
        if list(body["statusCodes"]) != list(body.get("status", {})):
            yield "status and statusCodes name different products"


_TEXTS_OF_CANCELLING = {0: "Job cancelled OK", 1: "Job could not be cancelled - has it already finished?"}


@rule("canceljob", successes_only=True)
def cancelling_has_its_documented_texts(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Codes 0 and 1 have the printed texts."""
    texts, codes = exchange.body.get("status"), exchange.body.get("statusCodes")
    for name, code in codes.items() if isinstance(codes, dict) and isinstance(texts, dict) else ():
        expected = _TEXTS_OF_CANCELLING.get(code) if isinstance(code, int) else None
        if expected is not None and texts.get(name) != expected:
            yield f"the text of code {code} is {texts.get(name)!r}, not {expected!r}"


@rule("listOldJobs", successes_only=True)
def jobs_are_listed_newest_first(_operation: str, exchange: Exchange) -> Iterator[str]:
    """The list goes from the highest JobID down, without repetition."""
    if isinstance(exchange.body.get("jobs"), list):
        ids = [job.get("JobID", 0) for job in exchange.body["jobs"]]
        if any(a <= b for a, b in pairwise(ids)):
            yield f"the list is not in descending order of JobID: {ids[:10]}"


@rule()
def problems_name_parameters(operation: str, exchange: Exchange) -> Iterator[str]:
    """A refusal lists each parameter once, by its wire name: clients replace these by their own names."""
    body = exchange.body
    if not isinstance(body, dict) or not isinstance(body.get("listErr"), list):
        return
    op, schemas = documents.operation(operation), documents.load()["components"]["schemas"]
    requests = [schemas.get(name, {}) for name in (op.variants("request") if op.takes_json else ())]
    known = {entry["wire_name"] for entry in documents.parameter_catalogue()}
    known |= {key for schema in requests for key in schema.get("properties", {})}
    labels = [problems["label"] for problems in body["listErr"]]
    if repeated := _repeated(labels):
        yield f"two lists have the label {repeated[0]!r}"
    for problems in body["listErr"]:
        if repeated := _repeated(problems["list"]):
            yield f"a problem is listed twice: {repeated[0]!r}"
        for sentence in problems["list"]:
            if sentence.split(" ")[0] not in known:
                yield f"{sentence!r} does not begin with the wire name of a parameter"


def _repeated(texts: list[str]) -> list[str]:
    """Return the texts that a list has had before."""
    return [text for index, text in enumerate(texts) if text in texts[:index]]


@rule()
def refusals_carry_the_list_only_for_parameters(_operation: str, exchange: Exchange) -> Iterator[str]:
    """The documented sentence about parameters comes with the list of problems, and the list with that sentence."""
    body = exchange.body
    if isinstance(body, dict) and body.get("OK") == 0:
        sentence = body.get("ERROR") == "There were problems with the parameters you supplied."
        if sentence != ("listErr" in body):
            yield f"ERROR is {body.get('ERROR')!r}, and listErr is {'there' if 'listErr' in body else 'missing'}"


@rule()
def files_are_not_compressed_in_transfer(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Clients save light curve files undecoded, as they come from the socket."""
    if "content-encoding" in exchange.headers:
        yield f"the answer is compressed in transfer ({exchange.headers['content-encoding']})"


@rule("downloadProduct")
def archives_unpack(_operation: str, exchange: Exchange) -> Iterator[str]:
    """An archive is of the kind its name says, and holds one directory, the job's, with that product's files."""
    if exchange.status != 200:
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
