"""Each rule about one exchange is silent about a right answer, and says what is wrong with one that deviates."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from contracts import checks, documents
from contracts.bodies import LIGHT_CURVE
from tests.contract.exchanges import OWNER, archive, asked, exchange, zipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.harness import Exchange

    Change = Callable[[dict[str, Any]], object]

STEP = {"StepLabel": "Collect data.", "StepStatus": 2}
REFUSAL = {
    "OK": 0,
    "ERROR": "There were problems with the parameters you supplied.",
    "listErr": [
        {"label": "The following parameters are needed, but were not supplied:", "list": ["Dec", "cent"]},
        {"label": "The following parameters have invalid values:", "list": ["poserr is 0.01, but must be larger"]},
    ],
}
TABLE = {"columns": ["Time", "TimePos", "TimeNeg"], "data": [["1.5", "0.5", "-0.5"], ["2.5", "0.5", "-0.5"]]}
INTERVAL = {
    "Start": 100,
    "Stop": 200,
    "Modes": ["PC"],
    "PC": {"Models": ["PowerLaw"], "MeanTime": 150.0, "Exposure": 90.0, "PowerLaw": {"Gamma": 2.0}},
}
PARS = {"UserID": OWNER, "lc": 1, "poserr": 1.5, "useSXPS": 0, "models": ["powerlaw", "apec"]}
SUBMISSION = {"lc": 1, "poserr": "1.5", "useSXPS": False, "models": ["powerlaw", "apec"]}
URL = "https://www.swift.ac.uk/user_objects/tprods/USERPROD_7"

RIGHT: dict[str, Exchange] = {
    "server_does_not_fail": asked("getNumJobs", {"OK": 1, "numJobs": 0}),
    "every_name_has_its_table": asked(
        "getLCData", {"OK": 1, "Datasets": ["PC", "WT"], "PCData": TABLE, "WTData": TABLE, "rnames": None}, JobID=7
    ),
    "flags_match_the_tables": asked("getLCData", {"OK": 1, "hasWT": 1, "WTData": TABLE, "hasPC": 0}, JobID=7),
    "steps_run_in_order": asked(
        "checkProductStatus",
        {
            "OK": 1,
            "psf": {
                "progress": {
                    "GotProgress": 1,
                    "ProgressSteps": [
                        {**STEP, "SubStep": [{**STEP}, {**STEP}]},
                        {**STEP, "StepStatus": 1},
                        {**STEP, "StepStatus": 0},
                    ],
                }
            },
        },
        JobID=7,
        what="psf",
        whatProg="psf",
    ),
    "partly_cancelled_means_some_were_not": asked(
        "canceljob",
        {"OK": 2, "status": {"lc": "", "spec": ""}, "statusCodes": {"lc": 0, "spec": 1}},
        JobID=7,
        what="lc,spec",
    ),
    "cancelling_has_its_documented_texts": asked(
        "canceljob",
        {
            "OK": 2,
            "status": {"lc": "Job cancelled OK", "spec": "Job could not be cancelled - has it already finished?"},
            "statusCodes": {"lc": 0, "spec": 1},
        },
        JobID=7,
        what="lc,spec",
    ),
    "problems_name_parameters": asked("run_userobject", REFUSAL, lc=1),
    "refusals_carry_the_list_only_for_parameters": asked("run_userobject", REFUSAL, lc=1),
    "tables_go_forward_in_time": asked("getLCData", {"OK": 1, "Datasets": ["PC"], "PCData": TABLE}, JobID=7),
    "numbers_have_their_sign": asked(
        "getLCData",
        {
            "OK": 1,
            "Datasets": ["PC"],
            "PCData": {"columns": ["RatePos", "RateNeg", "SYS_NEG"], "data": [["0.1", "-0.1", "0.9"]]},
            "GalNH": {"value": "1e20", "+ve": 0.5, "-ve": -0.5},
        },
        JobID=7,
    ),
    "listed_modes_and_models_are_there": asked(
        "getSpecData", {"OK": 1, "rnames": ["early"], "early": INTERVAL}, JobID=7
    ),
    "spectra_lie_in_their_intervals": asked("getSpecData", {"OK": 1, "rnames": ["early"], "early": INTERVAL}, JobID=7),
    "sources_are_numbered_and_have_numbers": asked(
        "getSourceDetResults",
        {"OK": 1, "Full": [{"sno": "1", "SNR": "4.5", "flag": "Good"}, {"sno": "2", "SNR": "2.7", "flag": "Poor"}]},
        JobID=7,
    ),
    "positions_have_three_numbers": exchange(
        "main",
        {"APIFunc": "getPositions", "posToGet": ["PSF", "Enh"]},
        {"PSF_RA": 335.7, "PSF_Decl": -7.5, "PSF_Err90": 3.0, "Enh_RA": None, "Enh_Decl": None, "Enh_Err90": None},
    ),
    "given_values_are_echoed": asked(
        "run_userobject", {"OK": 1, "JobID": 7, "URL": URL, "jobPars": PARS}, **SUBMISSION
    ),
    "resolving_switches_are_for_raw_callers": asked(
        "run_userobject", {"OK": 1, "JobID": 7, "URL": URL, "jobPars": PARS}, api_name="xrt_prods", getCoords=1
    ),
    "asked_products_are_in_the_job": asked("run_userobject", {"OK": 1, "JobID": 7, "URL": URL, "jobPars": PARS}, lc=1),
    "addresses_belong_to_the_job": asked(
        "run_userobject", {"OK": 1, "JobID": 7, "URL": URL, "jobPars": {**PARS, "outdir": "USERPROD_7"}}, lc=1
    ),
    "progress_comes_only_when_asked_for": asked(
        "checkProductStatus",
        {"OK": 1, "JobID": 7, "lc": {"progress": {"GotProgress": 1}}, "psf": {"progress": {"GotProgress": 0}}},
        JobID=7,
        what="lc,psf",
        whatProg="lc",
    ),
    "datasets_follow_the_switches": asked(
        "getLCData", {"OK": 1, "Datasets": ["PC_incbad"], "PC_incbadData": TABLE}, JobID=7, incbad="yes"
    ),
    "jobs_are_listed_newest_first": asked("listOldJobs", {"OK": 1, "jobs": [{"JobID": 9}, {"JobID": 7}]}),
    "answers_name_what_was_asked": asked(
        "canceljob",
        {"OK": 2, "JobID": 7, "status": {"lc": "", "spec": ""}, "statusCodes": {"lc": 0, "spec": 1}},
        JobID=7,
        what="lc,spec",
    ),
    "files_are_not_compressed_in_transfer": asked("getNumJobs", {"OK": 1, "numJobs": 0}),
    "archives_unpack": archive(zipped("USERPROD_7/psf/", "USERPROD_7/psf/image.gif")),
}
"""An answer that each rule has something to say about, and finds right."""


def words(rule: str, made: Exchange) -> list[str]:
    """Return what one rule says about an exchange."""
    operation = documents.operation_for(made.method, made.path) or ""
    found = next(each for each in checks.RULES if each.check.__name__ == rule)
    assert found.applies(operation, success=True)
    return list(found.check(operation, made))


def changed(made: Exchange, change: Change) -> Exchange:
    """Return an exchange with an answer that was changed in place."""
    answer = copy.deepcopy(made.body)
    change(answer)
    return exchange(documents.operation_for(made.method, made.path) or "", made.request, answer)


def at(*keys: Any, to: Any) -> Change:
    """Make a change that sets what is at a path of keys; ``...`` takes it away."""

    def change(answer: Any) -> None:
        for key in keys[:-1]:
            answer = answer[key]
        if to is ...:
            del answer[keys[-1]]
        else:
            answer[keys[-1]] = to

    return change


STEPS = ("psf", "progress", "ProgressSteps")
DEVIATIONS: list[tuple[str, Change, str]] = [
    (
        "every_name_has_its_table",
        at("WTData", to=...),
        "it lists the data sets ['PC', 'WT'], but holds tables for ['PC']",
    ),
    (
        "every_name_has_its_table",
        at("rnames", to=["early"]),
        "it lists the intervals ['early'], but holds ['Datasets', 'PCData', 'WTData']",
    ),
    ("flags_match_the_tables", at("hasPC", to=1), "hasPC is 1, but PCData is missing"),
    ("flags_match_the_tables", at("hasWT", to=0), "hasWT is 0, but WTData is there"),
    (
        "steps_run_in_order",
        at(*STEPS, 0, "StepStatus", to=0),
        "the steps of psf have the states [0, 1, 0]: done, one active, not reached is the order",
    ),
    (
        "steps_run_in_order",
        at(*STEPS, 2, "StepStatus", to=1),
        "the steps of psf have the states [2, 1, 1]: done, one active, not reached is the order",
    ),
    (
        "steps_run_in_order",
        at(*STEPS, 0, "SubStep", 0, "StepStatus", to=1),
        "the steps of psf have the states [1, 2]: done, one active, not reached is the order",
    ),
    ("steps_run_in_order", at(*STEPS, 1, "StepLabel", to=" "), "a step of psf has no label"),
    (
        "partly_cancelled_means_some_were_not",
        at("statusCodes", "spec", to=0),
        "OK is 2, yet every product was cancelled",
    ),
    (
        "partly_cancelled_means_some_were_not",
        at("status", "lc", to=...),
        "status and statusCodes name different products",
    ),
    (
        "cancelling_has_its_documented_texts",
        at("status", "lc", to="Cancelled"),
        "the text of code 0 is 'Cancelled', not 'Job cancelled OK'",
    ),
    (
        "cancelling_has_its_documented_texts",
        at("status", "spec", to=...),
        "the text of code 1 is None, not 'Job could not be cancelled - has it already finished?'",
    ),
    (
        "answers_name_what_was_asked",
        at("statusCodes", "spec", to=...),
        "asked to cancel ['lc', 'spec'], answered about ['lc']",
    ),
    ("answers_name_what_was_asked", at("JobID", to="7"), "asked about job 7, answered about job 7"),
    (
        "jobs_are_listed_newest_first",
        at("jobs", 0, "JobID", to=7),
        "the list is not in descending order of JobID: [7, 7]",
    ),
    (
        "problems_name_parameters",
        at("listErr", 1, "list", 0, to="Poserr is 0.01"),
        "'Poserr is 0.01' does not begin with the wire name of a parameter",
    ),
    (
        "problems_name_parameters",
        at("listErr", 0, "list", to=["cent", "cent", "Dec"]),
        "a problem is listed twice: 'cent'",
    ),
    (
        "problems_name_parameters",
        lambda answer: answer["listErr"].append(answer["listErr"][1]),
        "two lists have the label 'The following parameters have invalid values:'",
    ),
    (
        "refusals_carry_the_list_only_for_parameters",
        at("listErr", to=...),
        "ERROR is 'There were problems with the parameters you supplied.', and listErr is missing",
    ),
    (
        "refusals_carry_the_list_only_for_parameters",
        at("ERROR", to="No products were requested."),
        "ERROR is 'No products were requested.', and listErr is there",
    ),
    ("numbers_have_their_sign", at("PCData", "data", 0, 1, to="0.1"), "RateNeg is 0.1, which must be at most 0"),
    ("numbers_have_their_sign", at("PCData", "data", 0, 0, to="-0.1"), "RatePos is -0.1, which must be at least 0"),
    ("numbers_have_their_sign", at("GalNH", "-ve", to=0.5), "-ve is 0.5, which must be at most 0"),
    ("tables_go_forward_in_time", at("PCData", "data", to=[]), "PCData has no rows"),
    (
        "tables_go_forward_in_time",
        at("PCData", "data", 1, 0, to="1.5"),
        "the rows of PCData are not in the order of time",
    ),
    (
        "listed_modes_and_models_are_there",
        at("early", "Modes", to=["PC", "WT"]),
        "it lists the modes ['PC', 'WT'], but holds ['PC']",
    ),
    (
        "listed_modes_and_models_are_there",
        at("early", "PC", "APEC", to={"kT": 1.0}),
        "it lists the models ['PowerLaw'], but holds ['PowerLaw', 'APEC']",
    ),
    (
        "spectra_lie_in_their_intervals",
        at("early", to={"Start": 200.4, "Stop": 200, "PC": {"MeanTime": 200.2, "Exposure": 0.5}}),
        "an interval goes from 200.4 to 200",
    ),
    (
        "spectra_lie_in_their_intervals",
        at("early", "PC", "MeanTime", to=201.5),
        "the mean time 201.5 is outside the interval from 100 to 200",
    ),
    (
        "spectra_lie_in_their_intervals",
        at("early", "PC", "Exposure", to=101.5),
        "the exposure 101.5 is longer than the interval from 100 to 200",
    ),
    (
        "sources_are_numbered_and_have_numbers",
        at("Full", 1, "sno", to="1"),
        "Full has two sources with the same number",
    ),
    ("sources_are_numbered_and_have_numbers", at("Full", 1, "SNR", to=""), "SNR of a source of Full is empty"),
    (
        "sources_are_numbered_and_have_numbers",
        at("Full", 1, "flag", to="Fair"),
        "the flag 'Fair' is not one of Good, Poor, Reasonable",
    ),
    (
        "positions_have_three_numbers",
        lambda answer: [answer.pop(f"Enh_{part}") for part in ("RA", "Decl", "Err90")],
        "the positions ['Enh', 'PSF'] were asked for, and ['PSF'] sent",
    ),
    (
        "positions_have_three_numbers",
        at("Enh_RA", to=0.5),
        "the position Enh is not complete: [0.5, None, None]",
    ),
    (
        "positions_have_three_numbers",
        at("PSF_Decl", to=-90.5),
        "PSF_Decl is -90.5, which must be between -90 and 90",
    ),
    ("given_values_are_echoed", at("jobPars", "useSXPS", to=1), "useSXPS was given as False, but jobPars has 1"),
    ("given_values_are_echoed", at("jobPars", "poserr", to=...), "poserr was given as '1.5', but is not in jobPars"),
    (
        "given_values_are_echoed",
        at("jobPars", "models", to=["apec"]),
        "models was given as ['powerlaw', 'apec'], but jobPars has ['apec']",
    ),
    (
        "resolving_switches_are_for_raw_callers",
        at("jobPars", "getCoords", to=1),
        "getCoords is in jobPars, where the official client reads it as a wish to resolve again",
    ),
    ("asked_products_are_in_the_job", at("jobPars", "dopsf", to=1), "asked for ['lc'], but the job has ['lc', 'psf']"),
    ("addresses_belong_to_the_job", at("URL", to=f"{URL}0"), f"the URL {URL}0 is not that of job 7"),
    (
        "addresses_belong_to_the_job",
        at("jobPars", "outdir", to="USERPROD_8"),
        "outdir is 'USERPROD_8'; the files of job 7 are in 'USERPROD_7'",
    ),
    (
        "progress_comes_only_when_asked_for",
        at("psf", "progress", "GotProgress", to=1),
        "progress of psf was sent, but whatProg does not name it",
    ),
    ("datasets_follow_the_switches", at("Datasets", to=["PC"]), "incbad is yes, but PC was sent"),
    (
        "datasets_follow_the_switches",
        at("Datasets", to=["PC_nosys_incbad"]),
        "nosys is no, but PC_nosys_incbad was sent",
    ),
]
"""Rule, change of its right answer, and what the rule says about it."""


@pytest.mark.parametrize("rule", RIGHT)
def test_a_rule_is_silent_about_a_right_answer(rule):
    assert words(rule, RIGHT[rule]) == []


@pytest.mark.parametrize(("rule", "change", "said"), DEVIATIONS, ids=[said for _rule, _change, said in DEVIATIONS])
def test_a_rule_says_how_an_answer_deviates(rule, change, said):
    assert words(rule, changed(RIGHT[rule], change)) == [said]


def test_a_failure_of_the_server_is_named_by_its_status():
    failed = exchange("getNumJobs", {"UserID": "x"}, "<html></html>", status=503)
    assert words("server_does_not_fail", failed) == ["the server failed with HTTP status 503"]


def test_an_answer_that_is_compressed_in_transfer_is_named():
    packed = exchange("getNumJobs", {"UserID": "x"}, {"OK": 1}, content_encoding="gzip")
    assert words("files_are_not_compressed_in_transfer", packed) == ["the answer is compressed in transfer (gzip)"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (archive(b"PK, but not more"), "psf.zip cannot be unpacked"),
        (archive(zipped(), "all.zip"), "all.zip is empty"),
        (
            archive(zipped("USERPROD_7/psf/a", "USERPROD_70/psf/b", "c")),
            "psf.zip holds ['USERPROD_70/psf/b', 'c'] outside USERPROD_7/",
        ),
        (
            archive(zipped("USERPROD_7/psf/a", "USERPROD_7/lc/b")),
            "psf.zip holds ['USERPROD_7/lc/b'], which belong to other products",
        ),
    ],
)
def test_an_archive_that_holds_something_else_is_named(made, said):
    assert words("archives_unpack", made) == [said]


@pytest.mark.parametrize(
    "made", [archive(b"not found", status=404), archive(zipped("USERPROD_7/lc/b", "USERPROD_7/psf/a"), "all.zip")]
)
def test_no_archive_and_one_of_all_products_are_right(made):
    assert words("archives_unpack", made) == []


@pytest.mark.parametrize(
    ("version", "answered", "said"),
    [
        ("1.12", "LightCurve", []),
        ("1.9", "LightCurve19", []),
        ("1.8", "LightCurve18", []),
        ("1.8", "LightCurve", ["a caller of version 1.8 was answered with LightCurve, not LightCurve18"]),
        (None, "LightCurve19", ["a caller of version 1.12 was answered with LightCurve19, not LightCurve"]),
    ],
)
def test_the_form_of_a_light_curve_is_that_of_the_callers_version(version, answered, said):
    example = {"LightCurve": "1_10", "LightCurve19": "1_9", "LightCurve18": "1_8"}[answered]
    answer = documents.example(f"getLCData.ok.api_{example}.derived.response.json")
    request = {"UserID": "x", "JobID": 7} | ({} if version is None else {"api_version": version})
    assert words("form_follows_the_callers_version", exchange("getLCData", request, answer)) == said


@pytest.mark.parametrize(
    ("given", "echoed", "same"),
    [("yes", 1, True), (True, 1, True), (True, "yes", True), ("no", 1, False), (False, 1, False), ("0.5", 1, False)],
)
def test_a_switch_means_the_same_in_every_spelling(given, echoed, same):
    assert checks.echoes.same(given, echoed) is same


def test_a_value_under_another_spelling_does_not_count_beside_the_wire_name():
    request = {**LIGHT_CURVE, "poserr": 1, "posErr": "nonsense"}
    with_both = checks.requests.clearly_wrong("run_userobject", request)
    with_one = checks.requests.clearly_wrong("run_userobject", {k: v for k, v in request.items() if k != "poserr"})
    assert with_both is None
    assert str(with_one).startswith("posErr: ")


def test_of_findings_that_differ_in_digits_the_first_is_kept():
    kinds = [("one", "job 1 is late"), ("one", "job 22 is late"), ("one", "job 1 is lost"), ("two", "job 1 is late")]
    found = [checks.Finding(rule, "getNumJobs", said) for rule, said in kinds]
    assert checks.distinct(found) == [found[0], found[2], found[3]]
