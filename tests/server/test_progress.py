"""Progress of a running product: documented labels, at most one active step, never backwards."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.core.model import Build, Product
from mock_server.core.progress import FIRST_MOMENTS_S, progress_at, time_running

EXAMPLES = Path(__file__).parents[2] / "contracts/openapi/examples"
ITERATIVE = {"detornot": "detect", "detMeth": "iterative"}
JOBS: list[dict[str, Any]] = [{}, ITERATIVE, {"detornot": "centroid"}, {"allxastrom": 1}, {"doNotFit": 1}]


def running(product: Product, duration: float = 100.0, observations: int = 1, items: tuple[str, ...] = ()) -> Build:
    return Build(product, 0.0, 5.0, 10.0, 10.0, 10.0 + duration, duration, observations=observations, items=items)


def after(elapsed: float, build: Build, **parameters: Any) -> dict[str, Any]:
    return progress_at(build, parameters, build.running_at + elapsed)


def labels(progress: dict[str, Any]) -> list[str]:
    return [step["StepLabel"] for step in progress["ProgressSteps"]]


def statuses(progress: dict[str, Any]) -> list[int]:
    return [step["StepStatus"] for step in progress["ProgressSteps"]]


def documented(product: str) -> dict[str, Any]:
    answer = json.loads((EXAMPLES / "checkProductStatus.example3_everything.response.json").read_text("utf-8"))
    return dict(answer[product]["progress"])


def outline(steps: list[dict[str, Any]]) -> list[Any]:
    return [(step["StepLabel"], outline(step.get("SubStep", []))) for step in steps]


OUTLINES = [
    (Product.LIGHT_CURVE, {}),
    (Product.SPECTRUM, {}),
    (Product.ENHANCED_POS, {}),
    (Product.ASTROM_POS, {"allxastrom": 1}),
    (Product.IMAGE, {}),
]


@pytest.mark.parametrize(("product", "parameters"), OUTLINES, ids=lambda v: getattr(v, "value", ""))
def test_steps_and_keys_are_those_of_the_documented_example(product, parameters):
    example = documented(product.value)
    ours = after(50, running(product), **parameters)
    assert outline(ours["ProgressSteps"]) == outline(example["ProgressSteps"])
    assert list(ours) == list(example)
    assert ours.get("PreProgress") == example.get("PreProgress")


def test_the_standard_position_has_the_documented_steps():
    answer = json.loads((EXAMPLES / "checkProductStatus.example2_progress.response.json").read_text("utf-8"))
    example = answer["psf"]["progress"]
    ours = after(54, running(Product.STANDARD_POS, duration=60))
    assert ours == example


def test_a_single_spectrum_says_the_documented_words():
    example = json.loads((EXAMPLES / "progress.spectrum.substep_extra.client_view.json").read_text("utf-8"))
    build = running(Product.SPECTRUM, duration=115 / 5, items=("interval0",))
    assert after(8, build) == example


def test_many_spectra_are_counted_and_named():
    names = tuple(f"Obs_{n:011d}" for n in range(1, 157))
    build = running(Product.SPECTRUM, duration=30 + 85 * 156, observations=156, items=names)
    step = after(30 + 13 * 85 + 60, build)["ProgressSteps"][1]
    assert step["StepExtra"] == "Working on spectrum: Obs_00000000014 (14/156)"
    assert step["SubStep"] == [
        {"StepLabel": "Extract data.", "StepStatus": 2},
        {"StepLabel": "Fit spectrum.", "StepStatus": 1},
    ]


def test_part_steps_fall_back_when_the_next_spectrum_begins():
    build = running(Product.SPECTRUM, duration=30 + 85 * 2, items=("a", "b"))
    last = after(30 + 84, build)["ProgressSteps"][1]
    first = after(30 + 85, build)["ProgressSteps"][1]
    assert [s["StepStatus"] for s in last["SubStep"]] == [2, 1]
    assert [s["StepStatus"] for s in first["SubStep"]] == [1, 0]
    assert first["StepExtra"] == "Working on spectrum: b (2/2)"


def test_a_spectrum_that_is_not_fitted_has_no_fit():
    sub = after(50, running(Product.SPECTRUM, items=("a",)), doNotFit=1)["ProgressSteps"][1]["SubStep"]
    assert [step["StepLabel"] for step in sub] == ["Extract data."]


def test_an_astrometric_position_that_waited_only_corrects():
    assert labels(after(50, running(Product.ASTROM_POS), allxastrom=0, **ITERATIVE)) == [
        "Prepare data.",
        "Calculate astrometric correction.",
    ]


def test_a_position_by_centroid_alone_detects_nothing():
    assert labels(after(50, running(Product.STANDARD_POS), detornot="centroid")) == [
        "Collect data.",
        "Sum images and exposure maps.",
        "Perform PSF fit.",
    ]


def test_an_iterative_position_and_a_source_detection_have_the_steps_of_the_astrometric_one_between_its_ends():
    between = labels(after(50, running(Product.ASTROM_POS), allxastrom=1))[1:-1]
    assert labels(after(50, running(Product.STANDARD_POS), **ITERATIVE)) == between
    assert labels(after(50, running(Product.SOURCE_DET))) == between


def test_images_of_snapshots_name_the_observation():
    build = running(Product.ASTROM_POS, duration=800, observations=121)
    step = after(124, build, allxastrom=1)["ProgressSteps"][3]
    assert step["StepExtra"] == "Working on observation 2 / 121"


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        (2, [1, 0, 0, 0]),
        (14, [1, 0, 0, 0]),
        (15, [2, 1, 0, 0]),
        (40, [2, 2, 1, 0]),
        (80, [2, 2, 2, 1]),
        (99, [2, 2, 2, 1]),
    ],
)
def test_a_step_begins_exactly_at_its_second(elapsed, expected):
    assert statuses(after(elapsed, running(Product.IMAGE))) == expected


def test_a_product_that_does_not_run_has_no_progress():
    build = running(Product.IMAGE)
    for now in (0.0, 9.999, 110.0, 1e9):
        assert progress_at(build, {}, now) == {"GotProgress": 0}
    assert progress_at(build._replace(cancelled_at=50.0), {}, 50.0) == {"GotProgress": 0}


def test_a_product_that_waits_for_the_position_has_no_progress():
    waiting = running(Product.ASTROM_POS)._replace(running_at=60.0, ends_at=160.0)
    assert progress_at(waiting, {}, 59.0) == {"GotProgress": 0}
    assert progress_at(waiting, {}, 62.0)["TimeRunning"] == "00:00:02"


def test_the_first_moments_of_a_run_cannot_be_read():
    build = running(Product.IMAGE)
    assert after(0, build) == {"GotProgress": 2}
    assert after(FIRST_MOMENTS_S - 0.001, build) == {"GotProgress": 2}
    assert after(FIRST_MOMENTS_S, build)["GotProgress"] == 1


@pytest.mark.parametrize(
    ("elapsed", "text"), [(8.9, "00:00:08"), (1240, "00:20:40"), (3600, "01:00:00"), (360000, "100:00:00")]
)
def test_time_running_counts_whole_seconds_and_lets_hours_grow(elapsed, text):
    assert time_running(elapsed) == text


def _flat(progress: dict[str, Any]) -> list[int]:
    return [step["StepStatus"] for step in progress.get("ProgressSteps", [])]


builds = st.builds(
    running,
    st.sampled_from(Product),
    st.floats(1, 43200),
    st.integers(0, 200),
    st.lists(st.text("abc0123", min_size=1, max_size=5), max_size=5).map(tuple),
)


@settings(max_examples=50, deadline=None)
@given(builds, st.sampled_from(JOBS), st.floats(0, 1), st.floats(0, 1))
def test_progress_never_goes_back_and_has_one_active_step(build, parameters, one, other):
    early, late = (progress_at(build, parameters, 10 + build.duration_s * part) for part in sorted((one, other)))
    for progress in (early, late):
        if progress["GotProgress"] == 1:
            for steps in [progress["ProgressSteps"], *(s.get("SubStep", []) for s in progress["ProgressSteps"])]:
                found = [step["StepStatus"] for step in steps]
                assert found == sorted(found, reverse=True)
                assert found.count(1) <= 1
                assert all("StepExtra" not in step or step["StepStatus"] == 1 for step in steps)
            assert 1 in _flat(progress)
    if early["GotProgress"] == late["GotProgress"] == 1:
        assert all(a <= b for a, b in zip(_flat(early), _flat(late), strict=True))
        assert early["TimeRunning"] <= late["TimeRunning"]
