"""Reading submissions: every parameter of the catalogue, and the documented requests and answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.core.errors import ParametersRefused, Refusal
from mock_server.core.model import Product
from mock_server.submission.read import check_defaults, parameters_for_caller, read_submission
from mock_server.submission.rules import NEEDED
from mock_server.submission.table import BY_NAME, TABLE, Group, Kind, Parameter

CONTRACTS = Path(__file__).parents[2] / "contracts"
CATALOGUE = json.loads((CONTRACTS / "evidence/parameters.json").read_text("utf-8"))["parameters"]

GLOBAL = {"UserID": "user@example.org", "name": "GK Per", "targ": "00081445", "RA": 52.8, "Dec": 43.9}
COUNTS = {"binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1}
# one request with every product and every mandatory parameter
EVERYTHING = GLOBAL | {
    "cent": 1,
    "poserr": 1,
    **{product.flag: 1 for product in Product},
    **COUNTS,
    "specz": 0,
    "detobs": "all",
}
FLAGS = {product.flag for product in Product}
NO_DEFAULT_IN_THE_ECHO = {"getCoords", "getTargs", "getT0", "outdir"}
DEFAULTED_BY_THE_SERVICE = {
    "detobs": "user",  # one page says so; the client always sends it
    "hrbin": 0,  # 1 for time binning alone
}

# the smallest request in which each parameter is mandatory
_SPECTRUM = GLOBAL | {"cent": 0, "spec": 1, "specz": 0}
_LIGHT_CURVE = GLOBAL | {"cent": 0, "lc": 1}
MANDATORY = {
    "UserID": EVERYTHING,
    "name": EVERYTHING,
    "targ": EVERYTHING,
    "RA": EVERYTHING,
    "Dec": EVERYTHING,
    "cent": EVERYTHING,
    "poserr": EVERYTHING,
    "binMeth": _LIGHT_CURVE,
    "pccounts": _LIGHT_CURVE | COUNTS,
    "wtcounts": _LIGHT_CURVE | COUNTS,
    "dynamic": _LIGHT_CURVE | COUNTS,
    "uselcobs": _LIGHT_CURVE | COUNTS | {"lcobs": "user"},
    "specz": _SPECTRUM,
    "zval": _SPECTRUM | {"specz": 1},
    "usespecobs": _SPECTRUM | {"specobs": "user"},
    **{f"rname{n}": _SPECTRUM | {"timeslice": "user", "rname1": "a", "gti1": "2e8-3e8"} for n in (1, 2, 3, 4)},
    **{f"gti{n}": _SPECTRUM | {"timeslice": "user", "rname1": "a", "gti1": "2e8-3e8"} for n in (1, 2, 3, 4)},
    **{f"rname{n}": _SPECTRUM | {"timeslice": "user", "rname1": "a", "gti1": "2e8-3e8", f"gti{n}": "4e8-5e8"}
       for n in (2, 3, 4)},
    **{f"gti{n}": _SPECTRUM | {"timeslice": "user", "rname1": "a", "gti1": "2e8-3e8", f"rname{n}": "b"}
       for n in (2, 3, 4)},
    "useposobs": GLOBAL | {"dopsf": 1, "posobs": "user"},
    "useimobs": GLOBAL | {"image": 1, "imobs": "user"},
    "usedetobs": GLOBAL | {"sourceDet": 1, "detobs": "user"},
}  # fmt: skip
# mandatory according to one page, with a default according to another, which the service follows
DEFAULTED = {"centMeth", "maxCentTries", "specobstime", "posobstime", "detMeth", "detobs", "dchi", "useSXPS"}
DEFAULTED |= {"pcbin", "wtbin", "pchrbin", "wthrbin"}

BAD = {
    Kind.FLAG: [2, -1, "maybe", 0.5, [1], {}],
    Kind.WHOLE: [0, -1, 1.5, "1.5", "many", True, 10**400, float("inf"), float("nan"), [3]],
    Kind.NUMBER: [-91, "abc", True, float("nan"), float("inf"), "1e400", 10**400, "1_0", {}],
    Kind.INSTANT: ["yesterday", "1999-12-31", 1e300, -5, True, [1]],
    Kind.TEXT: [True, 7, 0.5, ["a"], {"a": 1}, "x" * 201],
    Kind.VERSION: [True, ["1.12"], {}],
    Kind.CHOICE: ["foo", 99, True, ["all"], {}],
    Kind.MODELS: ["foo", ["powerlaw", "foo"], [1], {"a": 1}, True],
    Kind.TARGETS: ["1234", "000814450", "0008144x", "{00081445", "00081445,,", ["00081445"], 10**8, True],
    Kind.DATA: ["abc", "\u0664e8-\u0665e8", "5e8-4e8", "0008144500", "5e8", ["00081445001"], True],
    Kind.RANGES: ["abc", "5e8-4e8", "00081445001", 7, ["1-2"]],
    Kind.ENERGIES: ["0.3", "2-1", "0.1-5", "1-11", "1-2,", "1-2,x", ["1-2"], True],
}
GOOD: dict[Kind, list[tuple[Any, Any]]] = {
    Kind.FLAG: [(1, 1), (0, 0), (True, 1), (False, 0), ("1", 1), ("0", 0), (1.0, 1), ("yes", 1), ("false", 0)],
    Kind.WHOLE: [(1, 1), ("20", 20), (7.0, 7)],
    Kind.NUMBER: [],
    Kind.INSTANT: [(608713541.952, 608713541.952), ("608713541", 608713541)],
    Kind.TEXT: [("abc", "abc"), ("a&b;c\n", "abc"), ("7", "7")],
    Kind.VERSION: [("1.12", "1.12"), (1.5, "1.5"), (1.0, "1.0")],
    Kind.CHOICE: [],
    Kind.MODELS: [(["APEC", "powerlaw"], ["apec", "powerlaw"]), (["Blackbody"], ["blackbody"])],
    Kind.TARGETS: [
        ("00081445", "00081445"),
        (81445, "00081445"),
        ("00081445, 00081446", "{00081445,00081446}"),
        ("{00081445,00081446}", "{00081445,00081446}"),
    ],
    Kind.DATA: [("00081445001, 00081445002",) * 2, ("608713541-608714541,609000000-610000000",) * 2],
    Kind.RANGES: [("608713541-608714541",) * 2],
    Kind.ENERGIES: [("0.3-10,1-4", "0.3-10,1-4"), ("0.30-1.50", "0.3-1.5")],
}


# values that must accompany a value, which would be refused for another reason without them
_INSIDE = {"minen": 0.3, "soft1": 0.5, "soft2": 8, "hard1": 0.5, "hard2": 8, "maxen": 10}
ENERGIES = dict.fromkeys(_INSIDE, _INSIDE) | {
    "minen": _INSIDE | {"soft1": 5, "hard1": 5},
    "maxen": _INSIDE | {"soft2": 0.9, "hard2": 0.9},
}
COMPANIONS = (
    dict.fromkeys(["uselcobs", "usespecobs", "useposobs", "useimobs", "usedetobs"], "00081445001")
    | {f"rname{n}": f"interval {n}" for n in (1, 2, 3, 4)}
    | {f"gti{n}": "608713541-608714541" for n in (1, 2, 3, 4)}
    | {"zval": 0.1, "Tstart": 608713541}
)


def echo(**more: Any) -> dict[str, Any]:
    return read_submission(EVERYTHING | more, {}).job_pars({})


def refused(request: dict[str, Any]) -> ParametersRefused:
    with pytest.raises(ParametersRefused) as refusal:
        read_submission(request, {})
    return refusal.value


def acceptable(parameter: Parameter) -> list[tuple[Any, Any]]:
    """Pairs of a value and its echo."""
    if parameter.kind is Kind.CHOICE:
        return [(word, word) for word in parameter.choices] + list(parameter.codes.items())
    if parameter.name in ENERGIES:
        return [(1, 1), (1.25, 1.25), ("1.5", 1.5)]
    if parameter.kind is Kind.NUMBER:
        low = parameter.low + (0.5 if parameter.above_low else 0)
        values = [low, min(parameter.high, low + 1.25), parameter.high]
        return [(v, int(v) if v == int(v) else v) for v in values] + [(str(low), int(low) if low == int(low) else low)]
    return GOOD[parameter.kind]


def test_the_table_and_the_catalogue_name_the_same_parameters():
    assert len(CATALOGUE) == 101
    assert {entry["wire_name"] for entry in CATALOGUE} == set(BY_NAME)
    shared = [entry["wire_name"] for entry in CATALOGUE]
    assert {name for name in shared if shared.count(name) > 1} == {"srcrad"}
    assert len(CATALOGUE) == len(TABLE) + 1


def parameters(condition: Any) -> pytest.MarkDecorator:
    """Run a test for each entry of the catalogue that has a property, so that no case is empty."""
    found = [
        pytest.param(entry, BY_NAME[entry["wire_name"]], id=f"{entry['product']}.{entry['wire_name']}")
        for entry in CATALOGUE
        if condition(entry, BY_NAME[entry["wire_name"]])
    ]
    return pytest.mark.parametrize(("entry", "parameter"), found)


def without_default(name: str) -> bool:
    return name in MANDATORY and name not in DEFAULTED


def codes(entry: Any) -> dict[str, str]:
    """Numbers of the web form with the words that they mean; ``time`` is its name for a method, under another key."""
    return {code: word for code, word in (entry["internal_codes"] or {}).items() if code != "time"}


@parameters(
    lambda entry, _: not without_default(entry["wire_name"]) and entry["wire_name"] not in NO_DEFAULT_IN_THE_ECHO
)
def test_a_default_is_echoed_in_the_documented_form(entry, parameter):
    name, default = parameter.name, entry["default"]["echoed_value"]
    request = {key: value for key, value in EVERYTHING.items() if key != name}
    if name == "detobs":
        request |= {"usedetobs": "00081445001"}
    if name in FLAGS:
        request = GLOBAL | {"image": 1} if name != "image" else GLOBAL | {"dopsf": 1}
    echoed = read_submission(request, {}).job_pars({}).get(name)
    expected = DEFAULTED_BY_THE_SERVICE.get(name, default)
    assert (type(echoed), echoed) == (type(expected), expected)


def test_mandatory_parameters_have_no_default():
    assert {name for name in BY_NAME if without_default(name) and BY_NAME[name].default is not None} == set()


@pytest.mark.parametrize("name", sorted(NO_DEFAULT_IN_THE_ECHO))
def test_some_defaults_are_not_echoed(name):
    assert name not in read_submission(EVERYTHING, {}).job_pars({})


@parameters(lambda _, parameter: not parameter.server_only and parameter.name not in FLAGS)  # these have other tests
def test_allowed_values_are_accepted_and_echoed(entry, parameter):
    if entry["allowed"]:
        assert list(parameter.choices) == entry["allowed"]
    request = EVERYTHING | COMPANIONS | ENERGIES.get(parameter.name, {})
    request.pop(parameter.name, None)
    for spelling in entry["wire_names_to_accept"]:
        for value, plain in acceptable(parameter):
            expected = str(plain) if parameter.as_text else plain
            echoed = read_submission(request | {spelling: value}, {}).job_pars({})[parameter.name]
            assert (type(echoed), echoed) == (type(expected), expected), (spelling, value)


@parameters(lambda entry, _: codes(entry))
def test_codes_are_accepted_and_never_echoed(entry, parameter):
    for code, word in codes(entry).items():
        assert parameter.codes[code] == word
        for written in (code, int(code)):
            more = {"usespecobs": "00081445001", "useposobs": "00081445001"}
            assert echo(**more, **{parameter.name: written})[parameter.name] == word


@parameters(lambda _, parameter: not parameter.server_only)
def test_bad_values_are_refused_by_name(entry, parameter):
    for value in BAD[parameter.kind]:
        refusal = refused(EVERYTHING | {parameter.name: value})
        named = [text for text in refusal.invalid if text.startswith(f"{parameter.name} is ")]
        assert named, f"{parameter.name}={value!r} is not refused: {refusal.invalid}"
        assert ", but must be " in named[0] or ", but must have " in named[0]


@parameters(lambda _, parameter: parameter.name in MANDATORY)
def test_a_mandatory_parameter_is_missing_when_its_rule_says_so(entry, parameter):
    name = parameter.name
    request = {key: value for key, value in MANDATORY[name].items() if key != name}
    for empty in ({}, {name: None}, {name: ""}, {name: " "}):
        assert refused(request | empty).missing == (name,), empty


def test_no_other_parameter_is_mandatory():
    documented = {entry["wire_name"] for entry in CATALOGUE if entry["mandatory"]["level"] != "no"}
    assert documented - DEFAULTED <= set(MANDATORY)
    assert set(NEEDED) == set(MANDATORY)


def example(name: str) -> dict[str, Any]:
    return dict(json.loads((CONTRACTS / f"openapi/examples/run_userobject.{name}.json").read_text("utf-8")))


# parameters that are newer than the documented answers, or that none of them holds
NEWER = {"notify", "sourceDet", "pchrbin", "wthrbin", "galactic", "doNotFit", "models", "dchi"}


def differences(ours: dict[str, Any], documented: dict[str, Any]) -> dict[str, Any]:
    """Keys of the documented answer whose value differs in ours, with our value."""
    return {k: ours.get(k) for k, v in documented.items() if (type(v), v) != (type(ours.get(k)), ours.get(k))}


def test_the_request_for_grb_200416a_gives_the_documented_answer_but_for_lcobs():
    request, documented = example("tutorial_python.derived.request"), example("ok.grb_200416A.jobPars")
    ours = parameters_for_caller(read_submission(request, {}).job_pars({"targ": ["00966554"]}), "xrt_prods")
    # the documented answer was given to version 0.1, and holds a code for lcobs that no client takes
    assert differences(ours, documented) == {"lcobs": "all", "api_version": "1.12"}
    assert set(ours) - set(documented) == NEWER
    assert [key for key in ours if key not in NEWER] == list(documented)


def test_the_request_for_gk_per_gives_the_documented_answer_with_text_for_codes():
    documented = example("ok.gk_per.response")["jobPars"]
    request = example("fo_aqr_spectrum.request") | {"name": "GK Per"}  # the answer is printed for another object
    targets = documented["targ"].strip("{}").split(",")
    computed = {"RA": 52.8, "Dec": 43.9043, "targ": targets, "Tstart": 124048802.40058, "outdir": "USERPROD_14"}
    ours = read_submission(request, {}).job_pars(computed)
    assert differences(ours, documented) == {
        "centMeth": "iterative",  # documented: the code 3
        "timeslice": "single",  # the code 1
        "specobs": "all",  # the code 1
        "lcobs": "all",  # the code 0
        "poserr": 1,  # documented: 60, in arcsec
        "useSXPS": 0,  # documented: a catalogue that the request had not asked for
    }
    assert set(ours) - set(documented) == NEWER - {"pchrbin", "wthrbin"}
    assert [key for key in ours if key not in NEWER] == list(documented)


def test_the_documented_refusal_names_what_is_missing_and_what_is_invalid():
    documented = example("error.missing_and_invalid.response")["listErr"]
    request = {key: value for key, value in _LIGHT_CURVE.items() if key not in ("Dec", "cent")}
    refusal = refused(request | COUNTS | {"poserr": 0.01})
    assert [sorted(refusal.missing), sorted(refusal.invalid)] == [sorted(entry["list"]) for entry in documented]


def test_an_enumeration_is_refused_with_its_words():
    refusal = refused(EVERYTHING | {"binMeth": "foo"})
    assert refusal.invalid == ("binMeth is foo, but must be one of: counts, time, snapshot, obsid",)


@pytest.mark.parametrize(
    "name", ["lc_counts", "lc_obsid", "lc_snapshot", "lc_time", "lc_standard", "position", "spectrum_timeslice"]
)
def test_documented_fragments_are_accepted(name):
    fragment = example(f"fragment.{name}.request")
    assert set(read_submission(EVERYTHING | fragment, {}).given) >= set(fragment) & set(BY_NAME)


def test_documented_requests_are_accepted():
    basic = example("fragment.basic.request") | example("fragment.basic_optional.request")
    assert read_submission(basic | {"image": 1}, {}).products == (Product.IMAGE,)
    assert len(read_submission(example("tutorial_all_products.request"), {}).products) == 6


def test_the_version_may_be_a_number_as_release_1_0_sends_it():
    assert echo(api_version=1.0)["api_version"] == "1.0"


def test_no_product_is_a_refusal_of_its_own():
    with pytest.raises(Refusal, match=r"^No products were requested\.$"):
        read_submission(GLOBAL | {"lc": 0}, {})
    with pytest.raises(Refusal, match=r"^No products were requested\.$"):
        read_submission({}, {})


def test_a_product_flag_that_cannot_be_read_is_named():
    assert refused(GLOBAL | {"lc": "perhaps"}).invalid == ("lc is perhaps, but must be 0 or 1",)


@pytest.mark.parametrize("product", Product)
def test_each_flag_asks_for_its_product_and_is_echoed_as_a_number(product):
    for flag in (1, True, "1", 1.0):
        submission = read_submission(
            EVERYTHING | dict.fromkeys((p.flag for p in Product), 0) | {product.flag: flag}, {}
        )
        assert product in submission.products
        assert submission.job_pars({})[product.flag] == 1
        assert type(submission.job_pars({})[product.flag]) is int


def test_an_astrometric_position_adds_the_standard_one_even_if_declined():
    submission = read_submission(GLOBAL | {"doxastrom": 1, "dopsf": 0}, {})
    assert submission.products == (Product.STANDARD_POS, Product.ASTROM_POS)
    assert submission.job_pars({})["dopsf"] == 1


def test_source_detection_alone_needs_no_position():
    assert refused({"sourceDet": 1, "detobs": "all"}).missing == ("UserID", "name", "targ")
    request = {key: GLOBAL[key] for key in ("UserID", "name", "targ")}
    assert read_submission(request | {"sourceDet": 1, "detobs": "all"}, {}).products == (Product.SOURCE_DET,)
    assert refused(request | {"sourceDet": 1, "detobs": "all", "image": 1}).missing == ("RA", "Dec")


def test_values_that_the_service_determines_need_not_be_given():
    request = {"UserID": "a@b.org", "name": "GK Per", "getCoords": 1, "getTarg": 1, "getT0": 1, "image": 1}
    submission = read_submission(request, {})
    assert submission.wants == {"getCoords", "getTargs", "getT0"}
    assert (submission.user, submission.name) == ("a@b.org", "GK Per")


def test_determined_values_come_last_and_replace_given_ones():
    submission = read_submission(GLOBAL | {"getCoords": 1, "Tstart": 6e8, "image": 1}, {})
    pars = submission.job_pars({"RA": 12.3456789, "Dec": -1.0})
    assert list(pars)[-2:] == ["RA", "Dec"]
    assert (pars["RA"], pars["Dec"], pars["targ"], pars["Tstart"]) == ("12.3457", "-1.0000", "00081445", 600000000)


def test_several_targets_are_echoed_in_braces_and_one_is_not():
    submission = read_submission(GLOBAL | {"image": 1}, {})
    assert submission.job_pars({"targ": ("00081445", "00081446")})["targ"] == "{00081445,00081446}"
    assert submission.job_pars({"targ": ("00081445",)})["targ"] == "00081445"


def test_the_official_client_does_not_see_what_it_asked_to_be_determined():
    pars = read_submission(GLOBAL | {"getTargs": 1, "getT0": 0, "image": 1}, {}).job_pars({"outdir": "USERPROD_7"})
    assert {"getTargs", "getT0", "outdir"} <= set(parameters_for_caller(pars, None))
    assert not {"getTargs", "getT0", "outdir"} & set(parameters_for_caller(pars, "xrt_prods"))


def test_other_spellings_are_echoed_under_the_wire_name_and_yield_to_it():
    pars = echo(poserr=None, posErr=2, SinceT0=0, allowBayes="pc", pcbintime=3, wtbin=1, wtbintime=9)
    assert (pars["poserr"], pars["allowB"], pars["pcbin"], pars["wtbin"]) == (2, "pc", "3", "1")


def test_unknown_keys_and_those_of_the_service_have_no_effect():
    pars = echo(whatSXPS="1SXPS", do3col=1, enh=1, outdir="USERPROD_1", pcmaxbin="7", colour="blue")
    assert (pars["whatSXPS"], pars["do3col"], pars["enh"], pars["pcmaxbin"]) == ("2SXPS", 0, 0, 100000000)
    assert not {"outdir", "colour"} & set(pars)


def test_defaults_of_products_that_were_not_asked_for_are_not_echoed():
    pars = read_submission(GLOBAL | {"dopsf": 1}, {}).job_pars({})
    groups = {parameter.group for parameter in TABLE if parameter.name in pars and parameter.name not in GLOBAL}
    assert groups == {Group.ALWAYS, Group.POSITION}


def test_defaults_in_force_replace_the_built_in_ones_but_not_given_values():
    pars = read_submission(EVERYTHING | {"sigmin": 5}, {"sigmin": 4, "minsnr": 2.4, "cent": 0}).job_pars({})
    assert (pars["sigmin"], pars["minsnr"], pars["cent"]) == ("5", 2.4, 1)


def test_a_default_that_no_parameter_could_have_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="did you mean 'sigmin'"):
        check_defaults({"sigmn": 3})
    with pytest.raises(ValueError, match="minsnr is low, but must be"):
        check_defaults({"minsnr": "low"})
    check_defaults({"minsnr": 2.4, "models": ["apec"], "specobs": "all"})


def test_a_super_soft_source_gets_grade_0_and_lower_pile_up_rates_unless_given():
    pars = echo(sss=1, grades="4", pcpuprate=0.5)
    assert (pars["sss"], pars["grades"], pars["specgrades"]) == ("1", "0", "0")
    assert (pars["wtpuprate"], pars["pcpuprate"]) == (50, 0.5)


def test_time_binning_bins_the_ratio_alike_by_default():
    assert echo(binMeth="time")["hrbin"] == 1
    assert echo(binMeth="time", hrbin=0)["hrbin"] == 0
    assert echo(binMeth="obsid")["hrbin"] == 0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"soft1": 0.4, "minen": 0.5, "hard1": 1.5}, "soft1 is 0.4, but must be at least minen (0.5)"),
        ({"hard1": 0.4, "minen": 0.5, "soft1": 0.5}, "hard1 is 0.4, but must be at least minen (0.5)"),
        ({"soft2": 9, "maxen": 8, "hard2": 8}, "soft2 is 9, but must be at most maxen (8)"),
        ({"hard2": 9, "maxen": 8}, "hard2 is 9, but must be at most maxen (8)"),
        ({"soft1": 1.5}, "soft1 is 1.5, but must be below soft2 (1.5)"),
        ({"hard1": 8, "hard2": 8}, "hard1 is 8, but must be below hard2 (8)"),
    ],
)
def test_bands_lie_inside_the_whole_range(given, sentence):
    assert refused(EVERYTHING | given).invalid == (sentence,)


@pytest.mark.parametrize("given", [{"minen": 0.5}, {"maxen": 8}, {"minen": 0.5, "maxen": 8}, {"minen": 2}])
def test_energies_of_the_curve_do_not_bind_default_bands(given):
    """The service took such a job (319830, September 2026)."""
    first = echo(**given)
    assert (first["soft1"], first["hard2"]) == ("0.3", "10")
    assert read_submission(first, {}).values["soft1"] == 0.3, "what is echoed can be sent back"


@pytest.mark.parametrize(
    ("flag", "given"),
    [
        ("getT0", {"Tstart": 1}),
        ("getT0", {"Tstart": "nonsense"}),
        ("getCoords", {"RA": 999, "Dec": "north"}),
        ("getTargs", {"targ": "none"}),
    ],
)
def test_a_value_that_the_service_determines_is_not_judged(flag, given):
    submission = read_submission({**EVERYTHING, **given, flag: 1}, {})
    assert submission.values.keys().isdisjoint(given)
    assert len(refused({**EVERYTHING, **given, flag: 0}).invalid) == len(given)


@pytest.mark.parametrize("targ", ["00032503001", "00032503001,00032503", "{00032503002, 00032503001}"])
def test_the_target_of_an_observation_is_its_first_eight_digits(targ):
    assert echo(targ=targ)["targ"] == "00032503"


@pytest.mark.parametrize("targ", ["0003250300", "000325030012", "00032503-001"])
def test_other_numbers_of_digits_are_no_target(targ):
    assert "eight digits" in refused(EVERYTHING | {"targ": targ}).invalid[0]


@pytest.mark.parametrize("models", ["powerlaw", "powerlaw,apec"])
def test_models_as_a_text_are_refused_with_what_to_send(models):
    sentence = f"models is {models}, but must be a list with some of: powerlaw, apec, blackbody"
    assert refused(EVERYTHING | {"models": models}).invalid == (sentence,)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"specstem": "A" * 65}, "at most 64 characters"),
        ({"specstem": "A" * 100}, "at most 64 characters"),
        ({"timeslice": "user", "rname1": "A" * 65, "gti1": "2e8-3e8"}, "at most 64 characters"),
        ({"wtpuprate": 5e-324}, "between 1e-06 and 1000000000"),
        ({"pcpuprate": 1e-7}, "between 1e-06 and 1000000000"),
        ({"posRadius": 10000}, "above 0 and at most 600"),
        ({"posRadius": 1e8}, "above 0 and at most 600"),
        ({"pcbin": 0.001}, "between 0.1 and 1000000000"),
        ({"wthrbin": "0.09"}, "between 0.1 and 1000000000"),
    ],
)
def test_values_that_would_take_minutes_or_gigabytes_are_refused_with_the_range(given, words):
    assert words in refused(EVERYTHING | given).invalid[0]


def test_bands_may_touch_the_ends_of_the_whole_range():
    assert echo(minen=0.5, maxen=8, soft1=0.5, soft2=8, hard1=0.5, hard2=8)["minen"] == "0.5"


def test_intervals_need_names_that_their_files_can_have():
    sliced = EVERYTHING | {"timeslice": "user", "gti1": "2e8-3e8", "gti2": "3e8-4e8"}
    assert refused(sliced | {"rname1": "++", "rname2": "a"}).invalid[0].startswith("rname1 is ++, but must have")
    assert refused(sliced | {"rname1": "a b", "rname2": "ab"}).invalid[0].startswith("rname2 is ab, but must have")


def test_intervals_are_not_named_like_other_keys_of_the_answer():
    sliced = EVERYTHING | {"timeslice": "user", "gti1": "2e8-3e8", "rname1": "T0"}
    assert refused(sliced).invalid == ("rname1 is T0, which is a key of its own in answers: choose another name",)


def test_relative_times_need_a_given_or_determined_t0():
    early = EVERYTHING | {"sinceT0": 1, "lcobs": "user", "uselcobs": "100-400,500-700"}
    assert "counts from T0" in refused(early).invalid[0]
    assert read_submission(early | {"Tstart": 608713541}, {}).values["uselcobs"] == "100-400,500-700"
    assert read_submission(early | {"getT0": 1}, {}).wants == {"getT0"}


def test_t0_as_mjd_or_date_is_echoed_as_spacecraft_time():
    assert echo(Tstart="2020-04-16")["Tstart"] == pytest.approx(608688000, abs=60)
    assert echo(Tstart=58955.0)["Tstart"] == pytest.approx(echo(Tstart="2020-04-16")["Tstart"], abs=1e-3)


def test_the_redshift_is_echoed_before_the_absorber_in_whatever_order_they_came():
    pars = list(echo(galactic=1, doNotFit=0, specz=1, zval=0.5))
    assert [key for key in pars if key in ("specz", "zval", "galactic", "doNotFit")] == [
        "specz", "zval", "galactic", "doNotFit",
    ]  # fmt: skip


def test_all_problems_are_reported_at_once():
    refusal = refused({"UserID": "a@b.org", "lc": 1, "poserr": 9, "binMeth": "foo", "RA": 400})
    assert refusal.missing == ("name", "cent", "Dec", "targ")
    assert [sentence.split()[0] for sentence in refusal.invalid] == ["poserr", "binMeth", "RA"]


# --- any object: an answer or a refusal

_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0.3-10", "1e999", "{", "{}", ",", "-", "2020-13-45", "60578.436", "00081445001", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from([spelling for p in TABLE for spelling in (p.name, *p.also)]) | st.text(max_size=8)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(_NAMES, _ANYTHING, max_size=12), st.booleans())
def test_any_object_is_either_accepted_or_refused(odd, on_top):
    try:
        answer = read_submission(EVERYTHING | odd if on_top else odd, {}).job_pars({})
    except ParametersRefused as refusal:
        answer = {"missing": refusal.missing, "invalid": refusal.invalid}
    except Refusal as refusal:
        answer = {"ERROR": str(refusal)}
    assert json.dumps(answer, allow_nan=False, ensure_ascii=False).encode("utf-8")


_GOOD: dict[str, st.SearchStrategy[Any]] = {
    parameter.name: st.sampled_from([value for value, _ in acceptable(parameter)])
    for parameter in TABLE
    if not parameter.server_only and not parameter.name.startswith("rname")
}


@settings(max_examples=40, deadline=None)
@given(st.fixed_dictionaries({}, optional=_GOOD))
def test_an_echo_that_is_sent_back_has_the_same_echo(given_values):
    try:
        first = read_submission(EVERYTHING | COMPANIONS | given_values, {}).job_pars(
            {"RA": 1.0, "outdir": "USERPROD_1"}
        )
    except Refusal:
        return
    again = read_submission(first, {}).job_pars({"RA": 1.0, "outdir": "USERPROD_2"})
    assert again | {"RA": None, "outdir": None} == first | {"RA": None, "outdir": None}
    assert float(again["RA"]) == float(first["RA"])
