"""Documents of the contract read into facts, and facts written as documents, at their limits."""

import contextlib
import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import documents
from mock_server.core.errors import BodyRefused, LimitReached, ParametersRefused, Refusal
from mock_server.core.model import Caller, CancelCode, Product, StatusCode
from mock_server.products.position import Position
from mock_server.service.jobs import Listed, ProductStatus
from mock_server.service.results import Sights
from mock_server.web import wire
from tests.server.conftest import POSITIONS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


# reading ---------------------------------------------------------------------------------------------------------


@given(st.dictionaries(TEXTS, VALUES), st.booleans(), st.sampled_from(["", " ", "\n", "\t\r\n"]))
def test_any_json_object_is_read_as_it_is(data, ascii_only, around):
    body = (around + json.dumps(data, ensure_ascii=ascii_only) + around).encode()
    assert wire.read_body(body) == data


@given(st.binary())
def test_any_bytes_are_an_object_or_refused(body):
    with contextlib.suppress(BodyRefused):
        assert isinstance(wire.read_body(body), dict)


@pytest.mark.parametrize("text", ['{"a": "\\ud83d\\ude80"}', '{"a": "\\u00e9"}', '{"a": "\\\\u00"}', '{"\\u0000": 1}'])
def test_escaped_text_is_read(text):
    assert wire.read_body(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text", ['{"a": "\\ud83d"}', '{"\\ude80": 1}', '{"a": [{"b": "x\\udfff"}]}', '{"a": "\\ude80\\ud83d"}']
)
def test_half_of_a_surrogate_pair_is_refused_wherever_it_stands(text):
    with pytest.raises(BodyRefused):
        wire.read_body(text.encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "utf-8-sig"])
def test_other_encodings_than_utf_8_are_refused(encoding):
    with pytest.raises(BodyRefused):
        wire.read_body('{"é": 1}'.encode(encoding))


@pytest.mark.parametrize(
    ("sent", "read"),
    [("1.12", (1, 12)), (1.12, (1, 12)), (1.0, (1, 0)), ("1.10", (1, 10)), (1.1, (1, 1)), ("1.0.5", (1, 0, 5)),
     (2, (2,)), (" 1.6 ", (1, 6)), (None, None), ("", None), ("1.", None), ("1.2.3.4", None), ("v1.2", None),
     (True, None),
     (-1.5, None), (1e300, None), ([1, 2], None), ("\u0661.\u0662", None), ("1" * 9, None)],
)  # fmt: skip
def test_the_callers_version_is_read_as_numbers_or_not_at_all(sent, read):
    assert wire.read_caller({"api_name": "xrt_prods", "api_version": sent}) == Caller("xrt_prods", read)


def test_a_name_that_is_no_text_is_no_name():
    assert wire.read_caller({"api_name": 3}) == Caller(None, None)


@pytest.mark.parametrize(("sent", "read"), [(5, 5), ("5", 5), (5.0, 5), ("005", 5), (0, 0), (10**15 - 1, 10**15 - 1)])
def test_a_job_number_is_a_number_or_its_text(sent, read):
    assert wire.read_number({"JobID": sent}, "JobID") == read


@pytest.mark.parametrize(
    "sent", [-1, 1.5, " 5 ", 10**15, "1" * 16, "-1", "1.0", "one", True, [5], {"a": 5}, "\u0665", "5 5"]
)
def test_anything_else_is_no_job_number(sent):
    with pytest.raises(ParametersRefused) as refusal:
        wire.read_number({"JobID": sent}, "JobID")
    assert refusal.value.invalid[0].startswith("JobID is ")
    assert len(refusal.value.invalid[0]) < 120


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("lc", ["lc"]),
        ("lc,spec", ["lc", "spec"]),
        (" lc , spec ", ["lc", "spec"]),
        ("lc,,lc,", ["lc"]),
        (None, []),
        ("", []),
    ],
)
def test_names_are_separated_by_commas_each_once_in_their_order(sent, read):
    assert wire.read_names({"what": sent}, "what") == read


@pytest.mark.parametrize(("names", "length", "fine"), [(64, 3, True), (65, 3, False), (1, 64, True), (1, 65, False)])
def test_names_have_limits_in_number_and_length(names, length, fine):
    raw = {"what": ",".join(f"{n:0{length}}" for n in range(names))}
    if fine:
        assert len(wire.read_names(raw, "what")) == names
    else:
        with pytest.raises(ParametersRefused):
            wire.read_names(raw, "what")


@pytest.mark.parametrize("sent", [["lc"], 3, True, {"lc": 1}])
def test_names_that_are_no_text_are_invalid(sent):
    with pytest.raises(ParametersRefused):
        wire.read_names({"what": sent}, "what")


@pytest.mark.parametrize(("sent", "read"), [(None, "no"), ("", "no"), ("yes", "yes"), ("both", "both")])
def test_variants_are_yes_no_or_both(sent, read):
    assert wire.read_variant({"nosys": sent}, "nosys", "no") == read


@pytest.mark.parametrize("sent", ["maybe", 1, True, ["yes"], {}])
def test_other_variants_are_invalid(sent):
    with pytest.raises(ParametersRefused, match="problems"):
        wire.read_variant({"nosys": sent}, "nosys", "no")


def test_a_rebinning_is_read_by_python_names_and_other_keys_ignored():
    raw = {"binMeth": "counts", "pcCounts": 5, "timeFormat": "MJD", "objectID": 3, "nonsense": 1, "allowBayes": "both"}
    assert wire.read_rebin(raw) == {"binMeth": "counts", "pccounts": 5, "lctimetype": "m", "allowB": "both"}


# answering -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "ok"), [([0], 1), ([0, 0], 1), ([0, 1], 2), ([1], 2), ([2, 2], 2), ([0, 3], 2), ([4, 0], 2)]
)
def test_cancelled_is_ok_1_if_everything_was_and_2_if_not(codes, ok):
    names = ["lc", "spec"][: len(codes)]
    answer = wire.cancelled(7, {name: CancelCode(code) for name, code in zip(names, codes, strict=True)})
    assert (answer["OK"], list(answer["status"]), list(answer["statusCodes"])) == (ok, names, names)
    documents.check_response("canceljob", 200, answer | {"APIVersion": "1.12"})


@pytest.mark.parametrize("code", [*StatusCode, None])
def test_every_status_has_words_and_keeps_the_contract(code):
    answer = json.loads(wire.as_text(wire.statuses(7, {"xastrom": ProductStatus(code, {"GotProgress": 0})})))
    assert answer["xastrom"]["statusCode"] == (None if code is None else int(code))
    documents.check_response("checkProductStatus", 200, answer | {"APIVersion": "1.12"})


def test_a_list_tells_dates_in_utc_to_the_second():
    text = wire.listed([Listed(3, "a", 1772442000.999, frozenset({Product.IMAGE, Product.SOURCE_DET}), False)])
    (entry,) = json.loads(text)
    assert (entry["DateSubmitted"], entry["Image"], entry["Spectrum"], entry["hasProd"]) == (
        "2026-03-02 09:00:00", True, False, False,
    )  # fmt: skip
    assert "SourceDet" not in entry


def test_json_that_was_made_before_stands_in_its_answer_as_it_is():
    answer = {"OK": 1, "jobs": wire.JsonText('[{"a":"\\u00e9"}]'), "APIVersion": "1.12"}
    assert wire.as_text(answer) == '{"OK":1,"jobs":[{"a":"\\u00e9"}],"APIVersion":"1.12"}'
    assert wire.as_text({"name": "[]"}) == '{"name":"[]"}'


POSITION = Position(12.345678, -7.5, 3.14159, None)


@pytest.mark.parametrize("product", [Product.STANDARD_POS, Product.ENHANCED_POS, Product.ASTROM_POS])
@pytest.mark.parametrize("found", [None, POSITION, dataclasses.replace(POSITION, catalogue="2SXPS")])
def test_positions_are_texts_and_switches_numbers(product, found):
    answer = wire.position(product, found)
    assert answer["GotPos"] == (found is not None)
    assert type(answer["GotPos"]) is int
    if found:
        assert (answer["RA"], answer["Dec"], answer["Err90"]) == ("12.34568", "-7.50000", "3.1")
    if product is Product.ENHANCED_POS:
        assert "FromSXPS" not in answer
    else:
        assert answer["FromSXPS"] == int(bool(found and found.catalogue))
        assert answer.get("WhichSXPS") == (found.catalogue if found else None)


def test_a_refusal_is_ok_0_with_words():
    assert wire.refused(LimitReached(3)) == {
        "OK": 0, "ERROR": "You have too many jobs in the queue (maximum 3).", "APIVersion": None,
    }  # fmt: skip


@pytest.mark.parametrize(("missing", "invalid", "entries"), [(["a"], ["b"], 2), (["a"], [], 1), ([], ["b"], 1)])
def test_problems_are_listed_under_the_documented_labels_and_none_is_empty(missing, invalid, entries):
    answer = wire.refused(ParametersRefused(missing, invalid))
    assert [entry["list"] for entry in answer["listErr"]] == [part for part in (missing, invalid) if part]
    assert len(answer["listErr"]) == entries
    documents.check_response("run_userobject", 200, answer | {"APIVersion": "1.12"})


def test_a_failure_of_main_has_no_ok():
    assert wire.main_refused(Refusal("No.")) == {"ERROR": 1, "ERRORTEXT": "No."}
    words = wire.main_refused(ParametersRefused(["JobID"], ["binMeth is foo"]))["ERRORTEXT"]
    assert words.endswith("JobID is needed. binMeth is foo")


def test_an_answer_is_one_compact_line_and_never_not_a_number():
    assert wire.as_text({"a": 1, "b": ["é\n", None, True]}) == '{"a":1,"b":["\\u00e9\\n",null,true]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        wire.as_text({"a": math.nan})


def test_a_text_must_be_there_and_be_one():
    assert wire.read_text({"name": "GRB 060729"}, "name") == "GRB 060729"
    with pytest.raises(ParametersRefused) as missing:
        wire.read_text({"name": ""}, "name")
    with pytest.raises(ParametersRefused) as wrong:
        wire.read_text({"name": 60729}, "name")
    assert (missing.value.missing, missing.value.invalid) == (("name",), ())
    assert wrong.value.invalid == ("name is 60729, but must be a text",)


@pytest.mark.parametrize("value", [None, "", "all", "ALL", []])
def test_all_words_are_meant_by_all_and_by_none(value):
    assert wire.read_words({"posToGet": value}, "posToGet", ("PSF", "Enh")) == ("PSF", "Enh")


def test_words_that_are_not_known_are_refused():
    assert wire.read_words({"posToGet": "Enh"}, "posToGet", ("PSF", "Enh")) == ("Enh",)
    with pytest.raises(ParametersRefused) as refused:
        wire.read_words({"posToGet": ["Enh", "X"]}, "posToGet", ("PSF", "Enh"))
    assert refused.value.invalid == ('posToGet is ["Enh", "X"], but must be all, or of: PSF, Enh',)


@pytest.mark.parametrize(
    ("raw", "parameters"),
    [
        ({}, {}),
        ({"grades": "", "redshift": "NONE"}, {}),
        ({"grades": 0, "redshift": 1.5}, {"specgrades": "0", "specz": 1, "zval": 1.5}),
    ],
)
def test_a_sliced_spectrum_has_grades_and_a_redshift_if_they_are_given(raw, parameters):
    assert wire.read_spectrum(raw) == parameters


def test_the_page_of_a_job_shows_the_positions_that_were_found_and_those_that_were_not(sim):
    job = sim.jobs.submit(POSITIONS)
    found = {Product.STANDARD_POS: Position(10.0, 20.0, 3.5), Product.ASTROM_POS: None}
    shown = wire.job_shown(sim.jobs.page(job.job_id), Sights({}, found, []), "https://here/USERPROD_1")
    assert shown["products"]["psf"]["position"] == {"ra": 10.0, "dec": 20.0, "err90": 3.5}
    assert shown["products"]["xastrom"]["position"] is None
    assert "position" not in shown["products"]["enh"]
