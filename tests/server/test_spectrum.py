"""Spectra: files that standard tools accept, fits, answers in both forms, and what there is when there is nothing."""

from __future__ import annotations

import io
import re
import tarfile
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.io import fits

from contracts import documents
from mock_server.core.model import Product
from mock_server.products import answers_by_version, emission, extraction, fitting, instrument, spectrum
from mock_server.products.archive import whole
from mock_server.products.builder import ProductBuilder
from mock_server.sky.archive import Sky
from mock_server.sky.world import World
from tests.server.ordering import order_of, single

if TYPE_CHECKING:
    from mock_server.products.spectrum import Spectra

SKY = Sky(3)
BURST = "GRB 200416A"


@cache
def built(name: str = BURST, models: tuple[str, ...] = ("powerlaw",), **parameters: Any) -> Spectra:
    order = order_of(SKY, Product.SPECTRUM, name, models=list(models), galactic=1, **parameters)
    return spectrum.build(order, SKY)


@cache
def files(product: Spectra) -> dict[str, bytes]:
    return {path: whole(content) for path, content in product.files().items()}


def members(product: Spectra, name: str = "interval0") -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(files(product)[f"{name}.tar.gz"])) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]


def opened(name: str, product: Spectra | None = None) -> fits.HDUList:
    return fits.open(io.BytesIO(members(product or built())[name]))


FILES = [f"interval0{mode}{end}" for mode in ("wt", "pc") for end in ("source.pi", "back.pi", ".pi", ".arf", ".rmf")]


@pytest.mark.parametrize("name", FILES)
def test_astropy_has_nothing_to_say_against_a_file(name):
    with opened(name) as units:
        units.verify("exception")
        for unit in units:
            _ = unit.data
    assert len(members(built())[name]) % 2880 == 0


@pytest.mark.parametrize("name", FILES)
def test_files_carry_the_keywords_of_their_format(name):
    header = opened(name)[1].header
    assert (header["HDUCLASS"], header["TELESCOP"], header["INSTRUME"]) == ("OGIP", "SWIFT", "XRT")
    if name.endswith(".pi"):
        for key in (
            *("HDUCLAS1", "HDUCLAS2", "HDUCLAS3", "HDUVERS", "CHANTYPE", "DETCHANS", "POISSERR", "EXPOSURE"),
            *("BACKFILE", "RESPFILE", "ANCRFILE", "CORRFILE", "CORRSCAL", "AREASCAL", "BACKSCAL", "TLMIN1", "TLMAX1"),
            *("MJDREFI", "MJDREFF", "TIMESYS", "DATE-OBS", "DATE-END", "OBS_ID", "RA_OBJ", "CALDBVER"),
        ):
            assert key in header, f"{name} lacks {key}"


def test_the_archive_of_a_slice_has_the_documented_members():
    found = set(members(built()))
    expected = {"README.txt", "interval0.areas", "GRB_info.txt", *FILES}
    expected |= {f"interval0{mode}_pow_fit.fit" for mode in ("wt", "pc")}
    expected |= {f"models/interval0{mode}_pow.xcm" for mode in ("wt", "pc")}
    assert found == expected


def test_all_files_of_a_product_are_there():
    assert set(files(built())) == {
        *("interval0.tar.gz", "scripts/init.xcm", "scripts/plot.xcm", "donereg.txt"),
        *("interval0wt_pow_plot.gif", "interval0pc_pow_plot.gif"),
    }


def test_a_spectrum_has_a_row_for_every_channel():
    units = opened("interval0pcsource.pi")
    header, data = units["SPECTRUM"].header, units["SPECTRUM"].data
    bounds = opened("interval0pc.rmf")["EBOUNDS"].data
    assert header["DETCHANS"] == len(data) == len(bounds) == 1024
    assert (header["TLMIN1"], header["TLMAX1"]) == (data["CHANNEL"][0], data["CHANNEL"][-1]) == (0, 1023)
    assert (bounds["E_MIN"][30], bounds["E_MAX"][999]) == pytest.approx((0.3, 10.0))


def test_source_and_light_curve_have_the_same_counts():
    obsid = single(SKY, "SIM-CONSTANT", 1)
    chosen: dict[str, Any] = {
        "specobs": "user",
        "usespecobs": obsid,
        "lcobs": "user",
        "uselcobs": obsid,
        "timeslice": "snapshot",
    }
    product = built("SIM-CONSTANT", **chosen)
    scene = extraction.Scene.of(order_of(SKY, Product.LIGHT_CURVE, "SIM-CONSTANT", **chosen), SKY, "grades")
    for interval, piece in zip(product.slices, extraction.pieces(scene)["PC"], strict=True):
        data = members(product, interval.name)[f"{interval.name}pcsource.pi"]
        assert fits.open(io.BytesIO(data))["SPECTRUM"].data["COUNTS"].sum() == len(piece.source.met)


def test_areas_are_in_the_ratio_of_the_regions():
    source, back = (opened(f"interval0pc{part}.pi")["SPECTRUM"].header["BACKSCAL"] for part in ("source", "back"))
    assert source / back == pytest.approx(built().slices[0].modes["PC"].region.alpha, rel=extraction.DEAD_PIXELS)


def test_grouping_loses_no_count():
    plain = opened("interval0pcsource.pi")["SPECTRUM"].data
    data = opened("interval0pc.pi")["SPECTRUM"].data
    assert data["COUNTS"].tolist() == plain["COUNTS"].tolist()
    assert (data["QUALITY"][:30] == 5).all()
    assert set(data["QUALITY"][30:]) <= {0, 2}
    starts = np.flatnonzero(data["GROUPING"] == 1)
    assert set(data["GROUPING"]) == {1, -1}
    groups = np.add.reduceat(data["COUNTS"], starts)
    good = data["QUALITY"][starts] == 0
    assert (groups[good & (starts >= 30)] >= 1).all()
    assert groups[starts >= 30].sum() == plain["COUNTS"][30:].sum()


def test_good_times_add_up_to_the_exposure():
    units = opened("interval0pcsource.pi")
    intervals = units["GTI"].data
    assert np.sum(intervals["STOP"] - intervals["START"]) == pytest.approx(units["SPECTRUM"].header["ONTIME"])
    assert units["SPECTRUM"].header["TSTART"] == intervals["START"][0]


def test_files_of_a_slice_name_one_another():
    header = opened("interval0pc.pi")["SPECTRUM"].header
    links = (header["BACKFILE"], header["RESPFILE"], header["ANCRFILE"])
    assert links == ("interval0pcback.pi", "interval0pc.rmf", "interval0pc.arf")
    assert set(links) <= set(members(built()))


def test_areas_and_responses_share_their_energies():
    area, response = opened("interval0pc.arf")["SPECRESP"].data, opened("interval0pc.rmf")["MATRIX"].data
    assert area["ENERG_LO"].tolist() == response["ENERG_LO"].tolist()
    assert 5 < area["SPECRESP"].max() < 175


def test_who_fits_the_files_finds_the_same():
    found = members(built())
    data, back = (fits.open(io.BytesIO(found[f"interval0pc{part}.pi"]))["SPECTRUM"] for part in ("source", "back"))
    table = fits.open(io.BytesIO(found["interval0pc.arf"]))["SPECRESP"].data
    area = np.interp(instrument.MIDDLES, 0.5 * (table["ENERG_LO"] + table["ENERG_HI"]), table["SPECRESP"])
    source, background = (unit.data["COUNTS"].astype(int) for unit in (data, back))
    alpha = data.header["BACKSCAL"] / back.header["BACKSCAL"]
    column = built().answer()["interval0"]["PC"]["PowerLaw"]["GalacticNH"]
    groups = fitting.Groups.of(source, background, alpha)
    result = fitting.fit(groups, "PC", area, data.header["EXPOSURE"], "powerlaw", column, 0.0, 2.706)
    assert result is not None
    answered = built().answer()["interval0"]["PC"]["PowerLaw"]
    assert result.parameter.value == pytest.approx(answered["Gamma"], rel=1e-3)
    assert result.observed.value == pytest.approx(answered["ObsFlux"], rel=1e-3)


def fit_lines(product: Spectra) -> list[str]:
    return members(product)["interval0pc_pow_fit.fit"].decode().splitlines()


def test_the_text_of_a_fit_is_read_by_position():
    """As programs of 2017 read it (field): nine lines, the numbers behind words, brackets and colons."""
    order = order_of(SKY, Product.SPECTRUM, BURST, galactic=0)
    without = whole(spectrum.build(order, SKY).slices[0].modes["PC"].files("a")["apc_pow_fit.fit"])  # type: ignore[arg-type]
    assert len(without.splitlines()) == len(fit_lines(built()))
    lines = [re.split(r"[\t ,()=:]+", line.strip(" )")) for line in fit_lines(built())]
    where = {"GalNH": 1, "NH": 1, "Gamma": 1, "Obs": 2, "Unabs": 2, "C-stat": 1, "File": 3, "Corr": 2, "Ontime": 1}
    assert [words[0] for words in lines[:9]] == list(where)
    numbers = [float(words[at]) for words, at in zip(lines, where.values(), strict=False)]
    best, low, high = (float(word) for word in lines[2][1:4])
    mode, fit = built().slices[0].modes["PC"], built().answer()["interval0"]["PC"]["PowerLaw"]
    gamma = fit["Gamma"]
    assert (best, low, high) == pytest.approx((gamma, gamma + fit["GammaNeg"], gamma + fit["GammaPos"]), abs=2e-3)
    assert numbers[5:] == pytest.approx(
        [fit["Cstat"], mode.file_rate, mode.correction, mode.exposure.on_time], rel=1e-3
    )
    flux = fit["ObsFlux"] / (mode.file_rate * mode.correction)
    assert 2e-11 < flux < 6e-11  # for each count: published factors of power laws are 3 to 5e-11


def test_the_text_of_a_burst_with_a_redshift_is_read_by_label():
    """As a program of 2020 reads it (field): rate in line 9, factor behind a tab in line 10."""
    lines = fit_lines(built(specz=1, zval="0.347"))
    mode = built(specz=1, zval="0.347").slices[0].modes["PC"]
    assert lines[8].startswith("File count rate: ")
    assert lines[9].startswith("Corr factor:\t")
    corrected = float(lines[8].split(":")[1]) * float(lines[9].split("\t")[1])
    assert corrected == pytest.approx(mode.file_rate * mode.correction)


def test_an_empty_group_at_the_end_is_no_degree_of_freedom():
    data = opened("interval0pc.pi")["SPECTRUM"].data
    in_band = data["COUNTS"][30:1000] > 0
    assert data["QUALITY"][np.flatnonzero(data["COUNTS"])[-1] + 1] == 2
    assert built().answer()["interval0"]["PC"]["PowerLaw"]["Dof"] == in_band.sum() - 3


def test_a_redshift_adds_a_line_and_a_key():
    product = built(specz=1, zval="0.347")
    assert "z 0.347" in fit_lines(product)
    assert product.answer()["interval0"]["PC"]["PowerLaw"]["Redshift_abs"] == 0.347
    assert "zTBabs" in members(product)["models/interval0pc_pow.xcm"].decode()


def test_the_answer_has_the_documented_structure():
    answer = built().answer()
    assert list(answer) == ["T0", "DeltaFitStat", "GalNH_unfitted", "rnames", "interval0"]
    part = answer["interval0"]
    assert part["DataFile"].endswith("/USERPROD_7/spec/interval0.tar.gz")
    assert part["Modes"] == ["WT", "PC"]
    assert 90 < part["Start"] < part["PC"]["MeanTime"] < part["Stop"]
    model = part["PC"]["PowerLaw"]
    assert model["Image"].endswith("/spec/interval0pc_pow_plot.gif")
    numbers = {k: v for k, v in model.items() if k != "Image"}
    assert all(isinstance(v, (int, float)) for v in numbers.values())
    assert all(v < 0 for k, v in numbers.items() if k.endswith("Neg"))
    assert all(v > 0 for k, v in numbers.items() if k.endswith("Pos"))
    assert isinstance(model["Dof"], int)


def test_every_model_asked_for_is_fitted():
    product = built(models=("powerlaw", "apec", "blackbody"))
    mode = product.answer()["interval0"]["PC"]
    assert mode["Models"] == ["PowerLaw", "APEC", "Blackbody"]
    assert {"Gamma"} <= set(mode["PowerLaw"])
    assert {"KT", "KTPos", "KTNeg"} <= set(mode["APEC"])
    assert {"kT", "kTPos", "kTNeg"} <= set(mode["Blackbody"])
    assert mode["PowerLaw"]["Cstat"] < mode["Blackbody"]["Cstat"]  # it is a power law
    assert {"interval0pc_apec_plot.gif", "interval0pc_bb_plot.gif"} <= set(files(product))


def test_a_temperature_at_the_bound_of_the_fit_has_no_error_upwards():
    """As in a printed answer: KT 64, KTPos 0."""
    area = instrument.area("PC")
    hard = emission.counted(instrument.MIDDLES**-1.0, "PC")
    source = np.round(hard * 2000 / hard[slice(*instrument.BAND)].sum()).astype(np.int64)
    groups = fitting.Groups.of(source, np.zeros_like(source), 0.05)
    found = fitting.fit(groups, "PC", area, 1000.0, "apec", None, 0.0, 2.706)
    assert found is not None
    assert (found.parameter.value, found.parameter.above) == (64.0, 0.0)
    assert found.parameter.below < 0


def test_without_a_galactic_absorber_the_column_stands_apart():
    order = order_of(SKY, Product.SPECTRUM, BURST, galactic=0)
    answer = spectrum.build(order, SKY).answer()
    assert "GalacticNH" not in answer["interval0"]["PC"]["PowerLaw"]
    assert answer["GalNH_unfitted"] == pytest.approx(6.5378e20)


def test_no_fit_is_made_if_none_is_wanted():
    product = built(doNotFit=1)  # with a Galactic column
    assert len(members(product)["interval0pc_nofit_fit.fit"].splitlines()) == 3
    assert product.answer()["interval0"]["PC"]["NOFIT"] == 1
    assert "Models" not in product.answer()["interval0"]["PC"]
    assert {"interval0pc_nofit_fit.fit", "interval0pc.pi"} <= set(members(product))
    assert not [name for name in files(product) if name.endswith(".gif")]


def test_a_scenario_can_make_fits_fail():
    sky = Sky(3, World(fit_fails=(BURST,)))
    mode = spectrum.build(order_of(sky, Product.SPECTRUM, BURST), sky).answer()["interval0"]["PC"]
    assert mode["Models"] == ["PowerLaw"]
    assert mode["PowerLaw"] == {"NOFIT": 1}


def test_clients_of_1_9_get_a_mode_without_a_fit_without_its_numbers():
    answer = answers_by_version.spectra(built(models=("apec",)).answer(), (1, 9))
    assert set(answer["interval0"]["PC"]) == {"meantime", "exposure"}
    assert (
        documents.check_response("getSpecData", 200, {"OK": 1, "APIVersion": "1.12", **answer}, "text/html")
        == "SpectraOld"
    )


def test_too_few_counts_cannot_be_fitted():
    counts = np.zeros(1024, dtype=int)
    counts[[100, 200, 300, 400]] = 1
    empty = np.zeros(1024, dtype=int)
    few = fitting.Groups.of(counts, empty, 0.1)
    assert fitting.fit(few, "PC", instrument.area("PC"), 1000.0, "powerlaw", None, 0.0, 2.706) is None


def test_where_nothing_shines_there_is_no_spectrum():
    product = built("SIM-NOTHING", specobs="all")
    assert product.answer() == {"NoSpectrum": 1}
    assert not [name for name in files(product) if name.endswith(".tar.gz")]
    assert answers_by_version.spectra(product.answer(), (1, 9)) == {"NoSpectrum": 1}


def test_a_slice_without_data_says_so():
    product = built(timeslice="user", rname1="early", gti1="0-2000", rname2="never", gti2="2000-2100", sinceT0=1)
    answer = product.answer()
    assert answer["rnames"] == ["early", "never"]
    assert answer["never"] == {"Start": 2000.0, "Stop": 2100.0, "NOSPEC": 1}
    assert "Modes" in answer["early"]
    (row,) = files(product)["donereg.txt"].decode().splitlines()
    name, start, stop, in_wt, in_pc = row.split()
    assert (name, float(start), float(stop)) == ("early", 0.0, 2000.0)
    assert 0 < float(in_wt) < float(in_pc) < 2000  # mean times


def test_the_log_says_no_for_what_lies_in_no_slice():
    order = order_of(
        SKY, Product.SPECTRUM, BURST, timeslice="user", rname1="early", gti1="0-2000", sinceT0=1, specobs="all"
    )
    rows = whole(ProductBuilder(SKY).files(order)["spec.log"]).decode().splitlines()
    cells = [row.split(maxsplit=6) for row in rows if not row.startswith("#")]
    use = {(obsid, mode): words for obsid, mode, *_, words in cells}
    assert use.pop(("00966554000", "WT")) == "yes"
    assert re.fullmatch(r"yes  \d+\.\d{3} s of it", use.pop(("00966554000", "PC")))
    assert set(use.values()) == {"no   outside requested range"}


def test_slices_are_named_after_observations_and_snapshots():
    chosen = ",".join(single(SKY, "SIM-CONSTANT", k) for k in (0, 1))
    by_observation = built("SIM-CONSTANT", specobs="user", usespecobs=chosen, timeslice="obsid").answer()["rnames"]
    assert by_observation == [f"Obs_{obsid}" for obsid in chosen.split(",")]
    by_snapshot = built("SIM-CONSTANT", specobs="user", usespecobs=chosen, timeslice="snapshot").answer()["rnames"]
    assert all(re.fullmatch(r"Obs_\d{11}_snap\d+", name) for name in by_snapshot)


def test_the_labels_of_a_user_stay_as_they_are_in_answers():
    product = built(
        timeslice="user", rname1="spectrum 1", gti1="0-2000", rname2="late_time", gti2="5000-9e4", sinceT0=1
    )
    answer = product.answer()
    assert answer["rnames"] == ["spectrum 1", "late_time"]
    assert answer["late_time"]["DataFile"].endswith("/spec/latetime.tar.gz")
    assert {"spectrum1.tar.gz", "latetime.tar.gz"} <= set(files(product))


def test_a_stem_names_the_only_spectrum():
    assert built(specstem="mine").answer()["rnames"] == ["mine"]
    assert "minepc.pi" in members(built(specstem="mine"), "mine")


def test_grades_lower_the_area_and_the_counts_alike():
    every, some = (built(specgrades=grades).slices[0].modes["PC"] for grades in ("all", "0"))
    assert some.caught / every.caught == pytest.approx(0.8)
    assert some.source.sum() / every.source.sum() == pytest.approx(0.8, abs=0.06)


def test_the_errors_follow_the_change_of_the_statistic():
    wide, narrow = (built(dchi=delta).answer()["interval0"]["PC"]["PowerLaw"] for delta in (2.706, 1.0))
    assert wide["Gamma"] == narrow["Gamma"]
    assert wide["GammaPos"] / narrow["GammaPos"] == pytest.approx(1.645, rel=0.1)


def test_clients_of_1_9_get_the_flat_form():
    answer = answers_by_version.spectra(built().answer(), (1, 9))
    assert set(answer) == {"T0", "GalNH", "rnames", "interval0"}
    part = answer["interval0"]
    assert isinstance(part["start"], str)
    assert (part["HaveWT"], part["HavePC"]) == (1, 1)
    assert set(part["PC"]) == {
        *("meantime", "nh", "nhpos", "nhneg", "gamma", "gammapos", "gammaneg", "obsFlux", "obsFluxpos", "obsFluxneg"),
        *("unabsFlux", "unabsFluxpos", "unabsFluxneg", "cstat", "dof", "fitChi", "exposure"),
    }


def test_the_same_order_gives_the_same_bytes():
    a, b = (spectrum.build(order_of(sky, Product.SPECTRUM, BURST), sky) for sky in (Sky(3), Sky(3)))
    assert files(a) == files(b)
    assert a.answer() == b.answer()


def test_plots_are_pictures():
    from PIL import Image

    for name, data in files(built()).items():
        if name.endswith(".gif"):
            with Image.open(io.BytesIO(data)) as picture:
                assert (picture.format, picture.size) == ("GIF", (560, 400))


@pytest.mark.parametrize(
    ("value", "models"),
    [
        ("Powerlaw, APEC;powerlaw", ("powerlaw", "apec")),
        (["BLACKBODY", "mekal"], ("blackbody",)),
        ("mekal", ("powerlaw",)),
        (None, ("powerlaw",)),
    ],
)
def test_emission_models_are_read_from_lists_and_texts(value, models):
    assert spectrum.emission_models(value) == models


def test_clients_of_1_9_get_an_interval_without_a_spectrum_without_its_file():
    answer = {"T0": 1.0, "GalNH_unfitted": 1e20, "rnames": ["gap"], "gap": {"Start": 3.0, "Stop": 4.5, "NOSPEC": 1}}
    old = answers_by_version.spectra(answer, (1, 9))
    assert old["gap"] == {"start": "3.0", "stop": "4.5", "HaveWT": 0, "HavePC": 0}
    assert old["GalNH"] == 1e20


def test_a_source_that_the_scenario_darkens_has_no_photons():
    dark = Sky(3, World(no_source=(BURST,)))
    assert extraction.target_source(order_of(dark, Product.SPECTRUM, BURST), dark).rate.kind == "none"
    assert extraction.target_source(order_of(SKY, Product.SPECTRUM, BURST), SKY).rate.kind != "none"


def test_without_a_fit_an_answer_has_times_alone():
    interval = built(doNotFit=1).answer()["interval0"]
    assert set(interval["PC"]) == {"MeanTime", "Exposure", "NOFIT"}
    assert interval["PC"]["NOFIT"] == 1
