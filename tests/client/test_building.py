"""Building, checking and copying requests; nothing is sent."""

import json
from typing import Any

import pytest

import xrt_client
from xrt_client import RequestInvalid, RequestTypeInvalid, XRTProductRequest, keywords, wire
from xrt_client.parameters import GLOBALS, KINDS, POSITIONS

from .conftest import JOB_PARS, ME


@pytest.fixture
def empty():
    return XRTProductRequest(ME)


def test_nothing_is_set_in_a_new_request(empty):
    assert empty.getGlobalPars() == {}
    assert empty.productList == []
    assert empty.status[0] == 0


def test_global_parameters_are_given_in_the_order_of_the_table_and_as_they_were_set(empty):
    empty.setGlobalPars(posErr=1, centroid=True)
    assert list(empty.getGlobalPars().items()) == [("centroid", True), ("posErr", 1)]
    assert empty.getGlobalPars("detMeth") is None


def test_unset_global_parameters_are_shown_on_request(empty):
    assert list(empty.getGlobalPars(showUnset=True)) == list(GLOBALS)
    shared = empty.getGlobalPars(omitShared=False, showUnset=True)
    assert list(shared)[-6:] == ["posRadius", "posobs", "useposobs", "posobstime", "detMeth", "detornot"]


def test_wire_names_are_taken_as_keywords(empty):
    empty.setGlobalPars(cent=True, Tstart=5.0, sinceT0=True)
    empty.addProduct("lc", binMeth="time", minen=0.5, uselcobs="00091489001")
    assert empty.getGlobalPars() == {"T0": 5.0, "SinceT0": True, "centroid": True, "getT0": False}
    assert empty.getLightCurvePars() == {
        "binMeth": "time",
        "minEnergy": 0.5,
        "useObs": "00091489001",
        "whichData": "user",
    }
    assert empty.getLightCurvePars("minen") == 0.5


@pytest.mark.parametrize("name", ["pcMaxGap", "pcmaxGap", "pcmaxgap"])
def test_the_longest_gap_is_taken_under_the_documented_name_and_sent_under_that_of_the_wire(empty, name):
    empty.addProduct("LightCurve", **{name: 1e8})
    assert empty.getLightCurvePars() == {"pcMaxGap": 1e8}
    assert empty.getJSONDict()["pcmaxgap"] == 1e8


def test_the_old_name_of_the_time_format_still_works(empty):
    empty.addProduct("lc", timeType="s")
    assert empty.getLightCurvePars() == {"timeFormat": "s"}


@pytest.mark.parametrize(
    ("pars", "error"),
    [
        ({"nonsense": 1}, RequestInvalid),
        ({"centMeth": "guess"}, RequestInvalid),
        ({"RA": "12 34 56"}, RequestTypeInvalid),
        ({"centroid": 1}, RequestTypeInvalid),
        ({"maxCentTries": 2.5}, RequestTypeInvalid),
        ({"RA": True}, RequestTypeInvalid),
        ({"name": None}, RequestTypeInvalid),
    ],
)
def test_a_wrong_global_parameter_is_refused_and_nothing_else_is_set(empty, pars, error):
    with pytest.raises(error) as raised:
        empty.setGlobalPars(posErr=1, **pars)
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, RuntimeError)
    assert empty.getGlobalPars() == {}


def test_a_wrong_type_is_also_a_type_error(empty):
    with pytest.raises(TypeError, match="RA should be float or int, but you supplied str"):
        empty.setGlobalPars(RA="1")


def test_whole_numbers_are_taken_for_any_number(empty):
    empty.setGlobalPars(RA=10, Dec=-5)
    empty.addSpectrum(redshift=1)
    assert (empty.getGlobalPars("RA"), empty.getSpectrumPars("redshift")) == (10, 1)


def test_numbers_of_numpy_are_taken_like_those_of_python(empty):
    numpy = pytest.importorskip("numpy")
    empty.setGlobalPars(RA=numpy.float32(10), maxCentTries=numpy.int64(3), centroid=numpy.bool_(True))
    document = json.loads(empty.getJSON())
    assert (document["RA"], document["maxCentTries"], document["cent"]) == (10.0, 3, 1)


@pytest.mark.parametrize("long", [kind.long for kind in KINDS.values()])
def test_every_product_can_be_added_seen_and_removed(empty, long):
    getattr(empty, f"add{long}")()
    assert getattr(empty, f"has{long}")
    assert empty.hasProd(long)
    assert getattr(empty, long).prodType == empty.productList[0]
    assert list(getattr(empty, f"get{long}Pars")(showUnset=True)) == list(empty.getProductPars(long, showUnset=True))
    getattr(empty, f"remove{long}")()
    assert not getattr(empty, f"has{long}")


def test_a_product_that_is_not_requested_cannot_be_fetched_or_removed(empty):
    for call in (empty.removeImage, empty.getImagePars, lambda: empty.Image, empty.setImagePars):
        with pytest.raises(RuntimeError, match="have not added"):
            call()


def test_an_unknown_product_is_refused(empty):
    with pytest.raises(ValueError, match="gravity does not exist"):
        empty.addProduct("gravity")


def test_adding_twice_needs_clobber_which_starts_afresh(empty):
    empty.addLightCurve(binMeth="counts")
    with pytest.raises(RuntimeError, match="clobber"):
        empty.addLightCurve(binMeth="time")
    empty.addLightCurve(clobber=True, pcCounts=20)
    assert empty.getLightCurvePars() == {"pcCounts": 20}


def test_a_product_with_a_wrong_parameter_is_not_added(empty):
    with pytest.raises(ValueError, match="Options are: counts, time, snapshot, obsid"):
        empty.addProduct("lc", binMeth="guess")
    assert empty.productList == []


def test_a_redshift_switches_the_redshifted_and_the_galactic_absorber_on_and_removing_it_the_first_off(empty):
    empty.addSpectrum(redshift=1.23)
    assert empty.getSpectrumPars() == {"deltaFitStat": 2.706, "redshift": 1.23, "hasRedshift": True, "galactic": True}
    empty.removeSpectrumPar("redshift")
    assert empty.getSpectrumPars("hasRedshift") is False


def test_galactic_false_given_with_a_redshift_stays_false(empty):
    empty.addSpectrum(galactic=False, redshift=1.23)
    assert empty.getSpectrumPars("galactic") is False


def test_naming_observations_means_user_and_all_forgets_them(empty):
    empty.addImage(useObs="00091489001")
    assert empty.getImagePars("whichData") == "user"
    empty.setImagePars(whichData="all")
    assert empty.getImagePars() == {"whichData": "all"}


def test_giving_a_value_switches_its_working_out_off(empty):
    empty.setGlobalPars(getT0=True, getTargs=True)
    empty.setGlobalPars(T0=1.0, targ="00966554")
    assert empty.getGlobalPars() == {"targ": "00966554", "T0": 1.0, "getTargs": False, "getT0": False}


def test_positions_share_their_parameters(empty):
    empty.addStandardPos()
    empty.addAstromPos(useAllObs=True, posRadius=30)
    assert empty.getStandardPosPars() == {"posRadius": 30}
    assert empty.getAstromPosPars() == {"useAllObs": True, "posRadius": 30}
    assert empty.getGlobalPars() == {}
    assert empty.getGlobalPars("posRadius") == 30
    assert empty.globalPars == {"posRadius": 30}


def test_the_two_parameters_called_centmeth_are_kept_apart(empty):
    empty.setGlobalPars(centMeth="iterative")
    empty.addStandardPos(centMeth="simple")
    document = empty.getJSONDict()
    assert (document["centMeth"], document["detMeth"]) == ("iterative", "simple")
    again = XRTProductRequest(ME, JSONVals=document)
    assert again.getAllPars() == empty.getAllPars()


def test_an_assigned_product_is_a_copy(empty):
    empty.addLightCurve(binMeth="counts", pcCounts=20)
    other = XRTProductRequest(ME)
    other.LightCurve = empty.LightCurve
    other.setLightCurvePars(pcCounts=99)
    assert other.getLightCurvePars() == {"binMeth": "counts", "pcCounts": 99}
    assert empty.getLightCurvePars() == {"binMeth": "counts", "pcCounts": 20}


def test_an_assigned_position_brings_the_shared_parameters_along(empty):
    empty.addStandardPos(whichData="all", posRadius=10)
    other = XRTProductRequest(ME)
    other.StandardPos = empty.StandardPos
    other.setStandardPosPars(posRadius=50)
    assert other.getStandardPosPars() == {"whichData": "all", "posRadius": 50}
    assert empty.getStandardPosPars() == {"whichData": "all", "posRadius": 10}


def test_only_a_product_of_the_same_kind_can_be_assigned(empty):
    empty.addImage()
    with pytest.raises(ValueError, match="only the spectrum"):
        empty.Spectrum = empty.Image
    with pytest.raises(ValueError, match="only the spectrum"):
        empty.Spectrum = {"hasRedshift": True}


def test_returned_parameters_are_copies(empty):
    empty.addLightCurve(binMeth="counts")
    empty.getLightCurvePars()["binMeth"] = "guess"
    empty.globalPars["name"] = "other"
    assert empty.getLightCurvePars("binMeth") == "counts"
    assert empty.getGlobalPars("name") is None


REPORT_OF_GLOBALS = """The following problems were found:
* Global parameter `centroid` is not set.
* Global parameter `name` is not set.
* Global parameter `useSXPS` is not set.
* Global parameter `RA` is not set, and nor is the alternative: `getCoords`.
* Global parameter `Dec` is not set, and nor is the alternative: `getCoords`.
* Global parameter `targ` is not set, and nor is the alternative: `getTargs`.
"""


def test_the_report_is_the_documented_one(empty):
    empty.addImage()
    assert empty.isValid() == (False, REPORT_OF_GLOBALS)


def test_the_report_on_single_products_leaves_the_rest_out(empty):
    empty.addLightCurve(binMeth="counts", pcCounts=20, wtCounts=30)
    expected = """The following problems were found:

light curve problems:
* Global parameter `centroid` is not set.
* The light curve parameter `dynamic` is not set.

spectrum problems:
* You have not requested a spectrum.
"""
    assert empty.isValid(["LightCurve", "spec"]) == (False, expected)


def test_the_tutorials_request_is_valid(grb):
    assert grb.isValid() == (True, "")


def test_a_request_without_products_is_not_valid(grb):
    grb.removeLightCurve()
    grb.removeSpectrum()
    assert grb.isValid() == (False, "The following problems were found:\n* No products have been requested.\n")


def test_a_switched_off_alternative_does_not_count(grb):
    grb.setGlobalPars(getTargs=False)
    assert "`targ` is not set" in grb.isValid()[1]


def test_centroiding_needs_an_error_radius_only_if_it_is_wanted(empty):
    empty.setGlobalPars(centroid=True)
    assert "`posErr` is not set" in empty.isValid()[1]
    empty.setGlobalPars(centroid=False)
    assert "`posErr` is not set" not in empty.isValid()[1]


@pytest.mark.parametrize(("which", "needed"), [("user", "useposobs"), ("hours", "posobstime")])
def test_the_choice_of_data_for_positions_needs_its_detail(grb, which, needed):
    grb.addStandardPos(whichData=which)
    assert grb.isValid()[1] == f"The following problems were found:\n* Global parameter `{needed}` is not set.\n"


def test_source_detection_alone_needs_no_position(empty):
    empty.setGlobalPars(name="field", targ="00966554")
    empty.addSourceDet(whichData="all")
    assert empty.isValid() == (True, "")
    empty.addImage()
    assert "`RA` is not set" in empty.isValid()[1]


def test_two_source_radii_are_refused_because_the_wire_has_one_place_for_both(grb):
    grb.setLightCurvePars(srcrad=20)
    grb.setSpectrumPars(srcrad=20)
    assert grb.isValid()[0]
    grb.setSpectrumPars(srcrad=30)
    assert "srcrad" in grb.isValid()[1]


def test_the_document_has_wire_names_and_switches_as_numbers(grb):
    document = grb.getJSONDict()
    assert list(document)[:3] == ["api_name", "api_version", "UserID"]
    expected = {"lc": 1, "spec": 1, "cent": 1, "useSXPS": 0, "getTargs": 1, "getT0": 0, "dchi": 2.706, "specz": 0}
    assert expected.items() <= document.items()
    assert json.loads(grb.getJSON()) == document


@pytest.mark.parametrize("form", ["getJSON", "getJSONDict"])
def test_a_request_made_from_a_document_is_the_same(grb, form):
    grb.addStandardPos(posRadius=15)
    grb.addSourceDet(useObs="00091489001")
    copy = XRTProductRequest("you@example.org", JSONVals=getattr(grb, form)())
    assert copy.getAllPars() == grb.getAllPars()
    assert copy.UserID == "you@example.org"


def test_both_spellings_overwrite_everything(grb):
    other = XRTProductRequest(ME)
    for method in (other.setFromJSON, other.SetFromJSON):
        other.addImage()
        method(grb.getJSONDict())
        assert other.getAllPars() == grb.getAllPars()
        assert other.productList == ["lc", "spec"]


def test_job_parameters_are_understood_with_their_types(grb):
    request = XRTProductRequest(ME, JSONVals=json.dumps({**JOB_PARS, "getTargs": 1}), fromServer=True)
    parameters = request.getAllPars()
    assert (parameters["RA"], parameters["sss"], parameters["maxCentTries"]) == (335.6985, False, 10)
    assert parameters["getTargs"] is False, "worked-out values are kept, so nothing is to be worked out again"
    light_curve = parameters["LightCurve"]
    assert (light_curve["whichData"], light_curve["pcCounts"], light_curve["softLo"]) == ("all", 20, 0.3)


def test_values_of_one_product_do_not_leak_into_another():
    document = {"lc": 1, "spec": 1, "grades": "0", "specgrades": "all"}
    request = XRTProductRequest(ME, JSONVals=document)
    assert (request.getLightCurvePars("grades"), request.getSpectrumPars("grades")) == ("0", "all")


@pytest.mark.parametrize("yes", [1, "1", True, "yes"])
def test_a_product_is_recognised_however_the_switch_is_written(yes):
    assert XRTProductRequest(ME, JSONVals={"lc": yes, "spec": "0"}).productList == ["lc"]


def test_a_catalogue_named_instead_of_a_switch_means_yes():
    assert XRTProductRequest(ME, JSONVals={"useSXPS": "2SXPS"}).getGlobalPars("useSXPS") is True


def test_replaying_parameters_pulls_no_trigger_against_what_they_say():
    document = {"spec": 1, "specz": 1, "zval": 1.2, "galactic": 0}
    for order in (document, dict(reversed(document.items()))):
        assert XRTProductRequest(ME, JSONVals=order, fromServer=True).getSpectrumPars("galactic") is False


@pytest.mark.parametrize("wrong", ["{", "[1]", 3, None])
def test_parameters_that_are_no_object_are_refused(empty, wrong):
    with pytest.raises(ValueError, match="JSON"):
        empty.setFromJSON(wrong)


def test_models_are_taken_as_list_tuple_or_text(empty):
    for given in (["powerlaw", "apec"], ("powerlaw", "apec"), "powerlaw,apec"):
        empty.addSpectrum(clobber=True, models=given)
        assert empty.getJSONDict()["models"] == ["powerlaw", "apec"]


def test_a_request_that_is_not_silent_prints_what_it_does(capsys):
    request = XRTProductRequest(ME, silent=False)
    request.addSpectrum(redshift=1.23)
    assert "Successfully created a spectrum" in capsys.readouterr().out
    request.removeSpectrumPar("redshift")
    assert capsys.readouterr().out == "Also setting hasRedshift = False\n"


def test_the_old_forms_of_results_are_refused_at_once():
    assert XRTProductRequest(ME, useDeprecate=False)
    with pytest.raises(RequestInvalid, match="useDeprecate"):
        XRTProductRequest(ME, useDeprecate=True)


def test_the_keywords_an_editor_shows_are_those_of_the_tables():
    def names(typed: Any) -> set[str]:
        return set(typed.__optional_keys__)

    assert names(keywords.GlobalPars) == set(GLOBALS) | {p.wire for p in POSITIONS.values()}
    assert names(keywords.PositionPars) == set(POSITIONS)
    for kind in KINDS.values():
        typed = getattr(keywords, f"{kind.long}Pars", keywords.PositionPars)
        assert names(typed) == set(kind.table) | (set(POSITIONS) if kind.positional else set())


def test_the_public_names_are_listed_in_order_and_exist():
    assert xrt_client.__all__ == sorted(xrt_client.__all__)
    assert all(hasattr(xrt_client, name) for name in xrt_client.__all__)


def test_a_request_shows_its_owner_and_its_products(empty):
    assert repr(empty) == f"<XRTProductRequest of {ME}: no products>"
    empty.addImage()
    assert repr(empty) == f"<XRTProductRequest of {ME}: image>"
    assert "* image" in str(empty)


def test_owner_and_silence_can_be_changed(empty):
    empty.UserID, empty.silent = "other@example.org", False
    assert (empty.UserID, empty.silent) == ("other@example.org", False)
    with pytest.raises(RequestInvalid, match="silent must be True or False, not 1"):
        empty.silent = 1
    assert empty.silent is False


def test_results_have_the_newest_form_only(empty):
    assert empty.deprecate is False


def test_whether_there_is_a_product_cannot_be_assigned(empty):
    with pytest.raises(AttributeError, match="add or remove the product"):
        empty.hasImage = True


@pytest.mark.parametrize(
    ("long", "pars"),
    [("EnhancedPos", {"posRadius": 10}), ("AstromPos", {"useAllObs": True}), ("SourceDet", {"fitStrayLight": True})],
)
def test_parameters_are_set_by_the_method_of_their_product(empty, long, pars):
    getattr(empty, f"add{long}")()
    getattr(empty, f"set{long}Pars")(**pars)
    assert empty.getProductPars(long) == pars


def test_a_parameter_that_is_not_set_can_be_removed(empty):
    empty.addLightCurve(binMeth="counts")
    empty.removeProductPar("LightCurve", "pcCounts")
    assert empty.getLightCurvePars() == {"binMeth": "counts"}


def test_names_in_a_list_must_be_text(empty):
    with pytest.raises(RequestTypeInvalid):
        empty.addSpectrum(models=["powerlaw", 1])
    assert not empty.hasSpectrum


def test_a_word_that_a_parameter_does_not_know_is_not_taken_over(empty):
    empty.setFromJSON({"name": "x", "lc": 1, "binMeth": "weekly", "pccounts": 20})
    assert empty.getLightCurvePars() == {"pcCounts": 20}


@pytest.mark.parametrize(("echoed", "same"), [("20", True), (20.0, True), ("many", False), (float("nan"), False)])
def test_a_number_is_the_same_request_only_if_it_was_echoed(echoed, same):
    assert wire.same_request({"pccounts": 20}, {"pccounts": echoed}) is same


def test_a_number_that_is_not_finite_is_not_taken_over(empty):
    empty.setFromJSON({"name": "x", "RA": float("inf"), "Dec": 5.0})
    assert empty.getGlobalPars() == {"name": "x", "Dec": 5.0}
