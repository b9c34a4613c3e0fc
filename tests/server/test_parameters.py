"""Every parameter of the catalogue against the service's own rules, and documented requests against documented answers."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.errors import ParametersRefused, Refusal
from mock_server.model import Product
from mock_server.parameter_rules import NEEDED
from mock_server.parameter_table import BY_NAME, TABLE, Group, Kind
from mock_server.parameters import check_defaults, for_caller, read, read_stored

CATALOGUE = json.loads(Path("contracts/evidence/parameters.json").read_text("utf-8"))["parameters"]

GLOBAL = {"UserID": "user@example.org", "name": "GK Per", "targ": "00081445", "RA": 52.8, "Dec": 43.9}
COUNTS = {"binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1}
# one request with every product and every mandatory parameter
EVERYTHING = GLOBAL | {
    "cent": 1,
    "poserr": 1,
    **{"lc": 1, "spec": 1, "dopsf": 1, "doenh": 1, "doxastrom": 1, "image": 1, "sourceDet": 1},
    **COUNTS,
    "specz": 0,
    "detobs": "all",
}
ONLY = {product: {product.flag: 1} for product in Product}
NO_DEFAULT_IN_THE_ECHO = {"getCoords", "getTargs", "getT0", "outdir"}
DEFAULTED_BY_THE_SERVICE = {
    "detobs": "user",  # one page says so; the client always sends it
    "hrbin": 0,  # 1 for time binning alone
}

# what makes each conditional parameter mandatory: the smallest request that lacks just this one
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
# said to be mandatory by one page, and given a default by another, which the service follows
DEFAULTED = {"centMeth", "maxCentTries", "specobstime", "posobstime", "detMeth", "detobs", "dchi", "useSXPS"}
DEFAULTED |= {"pcbin", "wtbin", "pchrbin", "wthrbin"}

BAD = {
    Kind.FLAG: [2, -1, "maybe", 0.5, [1], {}],
    Kind.WHOLE: [0, -1, 1.5, "1.5", "many", True, 10**400, float("inf"), float("nan"), [3]],
    Kind.NUMBER: [-91, "abc", True, float("nan"), float("inf"), "1e400", 10**400, "1_0", {}],
    Kind.INSTANT: ["yesterday", 1e300, -5, True, [1]],
    Kind.TEXT: [True, ["a"], {"a": 1}, "x" * 201],
    Kind.CHOICE: ["foo", 99, True, ["all"], {}],
    Kind.MODELS: ["foo", ["powerlaw", "foo"], [1], {"a": 1}, True],
    Kind.TARGETS: ["1234", "000814450", "0008144x", "{00081445", "00081445,,", ["00081445"], 10**8, True],
    Kind.DATA: ["abc", "5e8-4e8", "0008144500", "5e8", ["00081445001"], True],
    Kind.RANGES: ["abc", "5e8-4e8", "00081445001", 7, ["1-2"]],
    Kind.ENERGIES: ["0.3", "2-1", "0.1-5", "1-11", "1-2,", "1-2,x", ["1-2"], True],
}
GOOD = {
    Kind.FLAG: [(1, 1), (0, 0), (True, 1), (False, 0), ("1", 1), ("0", 0), (1.0, 1), ("yes", 1), ("false", 0)],
    Kind.WHOLE: [(1, 1), ("20", 20), (7.0, 7)],
    Kind.NUMBER: [],
    Kind.INSTANT: [(608713541.952, 608713541.952), ("608713541", 608713541)],
    Kind.TEXT: [("abc", "abc"), ("a&b;c\n", "abc"), (7, "7")],
    Kind.CHOICE: [],
    Kind.MODELS: [(["APEC", "powerlaw"], ["apec", "powerlaw"]), ("Blackbody", ["blackbody"])],
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


# what has to stand beside a value, or it would be refused for another reason
_WITHIN = {"minen": 0.3, "soft1": 0.5, "soft2": 8, "hard1": 0.5, "hard2": 8, "maxen": 10}
ENERGIES = {name: _WITHIN for name in _WITHIN} | {
    "minen": _WITHIN | {"soft1": 5, "hard1": 5},
    "maxen": _WITHIN | {"soft2": 0.9, "hard2": 0.9},
}
COMPANIONS = (
    dict.fromkeys(["uselcobs", "usespecobs", "useposobs", "useimobs", "usedetobs"], "00081445001")
    | {f"rname{n}": f"interval {n}" for n in (1, 2, 3, 4)}
    | {f"gti{n}": "608713541-608714541" for n in (1, 2, 3, 4)}
    | {"zval": 0.1, "Tstart": 608713541}
)


def echo(**more):
    return read(EVERYTHING | more, {}).job_pars({})


def refused(request):
    with pytest.raises(ParametersRefused) as refusal:
        read(request, {})
    return refusal.value


def acceptable(parameter):
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


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda e: f"{e['product']}.{e['wire_name']}")
class TestEveryParameter:
    """One class run for each entry of the catalogue."""

    def test_its_default_is_echoed_in_the_documented_form(self, entry):
        name, default = entry["wire_name"], entry["default"]["echoed_value"]
        request = {key: value for key, value in EVERYTHING.items() if key != name}
        if name in MANDATORY and name not in DEFAULTED:
            assert BY_NAME[name].default is None
            return
        if name == "detobs":
            request |= {"usedetobs": "00081445001"}
        if BY_NAME[name].kind is Kind.FLAG and name in {product.flag for product in Product}:
            request = GLOBAL | {"image": 1} if name != "image" else GLOBAL | {"dopsf": 1}
        pars = read(request, {}).job_pars({})
        if name in NO_DEFAULT_IN_THE_ECHO:
            assert name not in pars
        else:
            expected = DEFAULTED_BY_THE_SERVICE.get(name, default)
            assert pars.get(name) == expected
            assert type(pars.get(name)) is type(expected)

    def test_its_allowed_values_are_taken_and_echoed(self, entry):
        parameter = BY_NAME[entry["wire_name"]]
        if parameter.server_only or parameter.name in {product.flag for product in Product}:
            return  # these two have tests of their own
        if entry["allowed"]:
            assert list(parameter.choices) == entry["allowed"]
        for spelling in entry["wire_names_to_accept"]:
            for value, plain in acceptable(parameter):
                expected = str(plain) if parameter.as_text else plain
                request = EVERYTHING | COMPANIONS | ENERGIES.get(parameter.name, {})
                request.pop(parameter.name, None)
                pars = read(request | {spelling: value}, {}).job_pars({})
                assert pars[parameter.name] == expected, (spelling, value)
                assert type(pars[parameter.name]) is type(expected), (spelling, value)

    def test_its_codes_are_taken_and_never_echoed(self, entry):
        parameter = BY_NAME[entry["wire_name"]]
        for code, word in (entry["internal_codes"] or {}).items():
            if code == "time":
                continue  # the web form's own name for a method, under another key
            assert parameter.codes[code] == word
            for written in (code, int(code)):
                more = {"usespecobs": "00081445001", "useposobs": "00081445001"}
                assert echo(**more, **{parameter.name: written})[parameter.name] == word

    def test_bad_values_are_refused_by_name(self, entry):
        parameter = BY_NAME[entry["wire_name"]]
        for value in [] if parameter.server_only else BAD[parameter.kind]:
            refusal = refused(EVERYTHING | {parameter.name: value})
            named = [text for text in refusal.invalid if text.startswith(f"{parameter.name} is ")]
            assert named, f"{parameter.name}={value!r} is not refused: {refusal.invalid}"
            assert ", but must be " in named[0] or ", but must have " in named[0]

    def test_it_is_missing_when_its_rule_says_so(self, entry):
        name, level = entry["wire_name"], entry["mandatory"]["level"]
        if name not in MANDATORY:
            assert level == "no" or name in DEFAULTED
            assert name not in NEEDED
            return
        request = {key: value for key, value in MANDATORY[name].items() if key != name}
        for empty in ({}, {name: None}, {name: ""}, {name: " "}):
            assert refused(request | empty).missing == (name,), empty


def example(name):
    return json.loads(Path(f"contracts/openapi/examples/{name}.json").read_text("utf-8"))


# defaults of parameters that are younger than the documented answers, or that no documented answer tells
YOUNGER = {"notify", "sourceDet", "pchrbin", "wthrbin", "galactic", "doNotFit", "models", "dchi"}

GRB_200416A_REQUEST = {
    "api_name": "xrt_prods",
    "api_version": "1.12",
    "UserID": "user@example.org",
    "getTargs": 1,
    "cent": 1,
    "name": "GRB 200416A",
    "RA": 335.6985,
    "Dec": -7.5179,
    "centMeth": "simple",
    "useSXPS": 0,
    "Tstart": 608713541.952,
    "getT0": 0,
    "poserr": 1,
    **{"lc": 1, "binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1},
    **{"spec": 1, "dchi": 2.706, "specz": 0},
    **{"dopsf": 1, "doenh": 1, "doxastrom": 1, "allxastrom": 1},
}
GK_PER_REQUEST = {
    **{"UserID": "user@example.org", "name": "GK Per", "getCoords": 1, "getTargs": 1, "getT0": 1},
    **{"cent": 1, "centMeth": "iterative", "poserr": 1},
    **{"spec": 1, "specz": 0, "timeslice": "single", "specobs": "all", "specgrades": "all"},
}
GK_PER_ANSWER = """
    UserID name getCoords getTargs getT0 cent centMeth poserr spec specz timeslice specobs specgrades whatSXPS useSXPS
    lc image sss sinceT0 lcobs hrbin dopsf doenh doxastrom allxastrom do3col enh outdir wtpuprate pcpuprate
    maxCentTries specobstime RA Dec targ Tstart
""".split()
