"""Who may have contents, and when: not ready, cancelled, failed, complete, expired; and light curves binned anew."""

import io
import tarfile
import zipfile

import pytest

from mock_server.core.errors import Expired, JobRefused, NotReady
from mock_server.core.model import Product, StatusCode
from mock_server.products.archive import whole
from mock_server.products.order import Order

from .conftest import ANOTHER_USER, IMAGE, LIGHT_CURVE, ME, POSITIONS, Asker

DAY = 86400.0
LIGHT_CURVE_S = 94.0  # 40 s, and 6 s for each of 9 observations
EVERYTHING = {"spec": 1, "specz": 0, "sourceDet": 1, "detobs": "all"} | POSITIONS | LIGHT_CURVE | {"image": 1}
RETRIEVED = (
    *(Product.LIGHT_CURVE, Product.SPECTRUM, Product.SOURCE_DET),
    *(Product.STANDARD_POS, Product.ENHANCED_POS, Product.ASTROM_POS),
)
"""Products about which the service answers; of images there are files alone."""


@pytest.fixture
def contents(sim):
    return sim.simulation.contents


@pytest.fixture
def finished(sim):
    """The number of a job with every product, all complete."""
    job_id = sim.jobs.submit(EVERYTHING).job_id
    sim.clock.advance(3600)
    return job_id


# retrieving ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", RETRIEVED)
def test_a_product_is_had_from_the_exact_second_it_is_complete(sim, contents, product):
    job_id = sim.jobs.submit(EVERYTHING).job_id
    ends_at = sim.jobs.old_job(ME, job_id).build(product).ends_at
    sim.clock.advance(ends_at - sim.clock.now() - 0.5)
    with pytest.raises(NotReady, match=f"The {product.words} is not complete"):
        contents.order(ME, job_id, product)
    sim.clock.advance(0.5)
    order = contents.order(ME, job_id, product)
    assert isinstance(order, Order)
    assert (order.ended_at, order.url) == (ends_at, sim.jobs.job_url(job_id))


@pytest.mark.parametrize("product", RETRIEVED)
def test_strangers_other_jobs_and_other_products_are_refused(contents, finished, product):
    with pytest.raises(JobRefused, match="not owned"):
        contents.answer(ANOTHER_USER, finished, product)
    with pytest.raises(JobRefused, match="does not exist"):
        contents.answer(ME, 99, product)


def test_a_product_the_job_does_not_have_is_not_ready(sim, contents):
    job_id = sim.jobs.submit(IMAGE).job_id
    sim.clock.advance(3600)
    with pytest.raises(NotReady, match="The spectrum is not complete"):
        contents.answer(ME, job_id, Product.SPECTRUM)


@pytest.mark.parametrize("code", [-1, -2, -3])
def test_a_failed_product_is_not_ready_for_ever(sim, contents, code):
    sim.controls.plan_fault({"kind": "product-failed", "code": code})
    ask = Asker(sim)
    job_id = ask.submit(LIGHT_CURVE)
    sim.clock.advance(3600)
    assert ask.codes(job_id, "lc") == [code]
    with pytest.raises(NotReady):
        contents.answer(ME, job_id, Product.LIGHT_CURVE)


@pytest.mark.parametrize("product", RETRIEVED)
def test_what_has_expired_is_refused_from_the_exact_second(sim, contents, finished, product):
    ended_at = sim.jobs.old_job(ME, finished).ended_at
    sim.clock.advance(ended_at + 7 * DAY - sim.clock.now() - 0.5)
    contents.order(ME, finished, product)
    sim.clock.advance(0.5)
    with pytest.raises(Expired, match=f"The products of job {finished} are no longer available"):
        contents.answer(ME, finished, product)


def test_a_call_gets_the_contents_of_the_moment_at_which_it_began(sim, contents, finished):
    before = sim.jobs.begin()
    sim.clock.advance(8 * DAY)
    assert contents.order(ME, finished, Product.LIGHT_CURVE, before).job_id == finished
    with pytest.raises(Expired):
        contents.order(ME, finished, Product.LIGHT_CURVE)


def test_the_status_of_a_rebinning_is_that_of_the_moment_at_which_the_call_began(sim, contents, finished):
    contents.rebin(finished, {})
    before = sim.jobs.begin()
    sim.clock.advance(DAY)
    assert [contents.rebin_status(1, moment) for moment in (before, None)] == [StatusCode.QUEUED, StatusCode.COMPLETE]


def test_a_refusal_never_loads_what_makes_contents(sim, contents):
    with pytest.raises(JobRefused):
        contents.answer(ME, 99, Product.SPECTRUM)
    assert sim.jobs.in_force._builder is None


@pytest.mark.parametrize("product", RETRIEVED)
def test_every_kind_of_contents_is_answered_as_the_contract_says(sim, finished, product):
    address = {
        Product.LIGHT_CURVE: "getLCData",
        Product.SPECTRUM: "getSpecData",
        Product.SOURCE_DET: "getSourceDetResults",
        Product.STANDARD_POS: "getPSFPos",
        Product.ENHANCED_POS: "getEnhPos",
        Product.ASTROM_POS: "getAstromPos",
    }[product]
    for version in ("1.8", "1.9", "1.10", "1.12", None):
        answer = Asker(sim)(f"tprods/{address}.php", JobID=finished, api_version=version)
        assert answer["OK"] == 1


@pytest.mark.parametrize(
    ("version", "key"),
    [("1.8", "hasPC"), ("1.9", "datasets"), ("1.10", "Datasets"), (None, "Datasets"), ("x", "Datasets")],
)
def test_the_form_of_a_light_curve_follows_the_callers_version(sim, finished, version, key):
    assert key in Asker(sim)("tprods/getLCData.php", JobID=finished, api_version=version)


@pytest.mark.parametrize(("version", "key"), [("1.8", "GalNH"), ("1.9", "GalNH"), ("1.10", "GalNH_unfitted")])
def test_the_form_of_spectra_follows_the_callers_version(sim, finished, version, key):
    assert key in Asker(sim)("tprods/getSpecData.php", JobID=finished, api_version=version)


def test_both_addresses_of_the_astrometric_position_answer_alike(sim, finished):
    ask = Asker(sim)
    assert ask("tprods/getAstromPos.php", JobID=finished) == ask("tprods/getXastromPos.php", JobID=finished)


def test_variants_of_a_light_curve_are_yes_no_and_both(sim, finished):
    ask = Asker(sim)

    def names(**asked: str) -> list[str]:
        answer = ask("tprods/getLCData.php", JobID=finished, **asked)
        return list(answer["Datasets"])

    assert not any("_nosys" in name or "_incbad" in name for name in names())
    assert all("_nosys" in name for name in names(nosys="yes"))
    assert set(names(nosys="both")) == set(names(nosys="no")) | set(names(nosys="yes"))
    assert ask("tprods/getLCData.php", JobID=finished, nosys="maybe")["OK"] == 0


# archives and files ----------------------------------------------------------------------------------------------


def members(data: bytes, form: str) -> set[str]:
    if form == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name for name in archive.namelist() if not name.endswith("/")}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name for member in archive if member.isfile()}


@pytest.mark.parametrize(
    ("stem", "form", "label"),
    [("image", "zip", "zip"), ("image", "tar", "x-tar"), ("image", "tar.gz", "gzip"), ("all", "tar.gz", "gzip")],
)
def test_archives_hold_a_folder_for_each_product_in_the_jobs_directory(sim, finished, form, label, stem):
    answer = Asker(sim).raw("GET", f"/user_objects/tprods/USERPROD_{finished}/{stem}.{form}")
    assert (answer.status_code, answer.mimetype) == (200, f"application/{label}")
    assert "Content-Encoding" not in answer.headers
    folders = {name.split("/")[1] for name in members(answer.data, form)}
    assert {name.split("/")[0] for name in members(answer.data, form)} == {f"USERPROD_{finished}"}
    assert folders == ({p.value for p in Product} if stem == "all" else {"image"})


def test_archives_are_the_same_bytes_each_time(contents, finished):
    assert contents.archive(finished, "lc", "zip") == contents.archive(finished, "lc", "zip")


@pytest.mark.parametrize("seconds", [0, 10])
def test_a_cancelled_product_has_an_archive_with_little_in_it(sim, contents, seconds):
    job_id = sim.jobs.submit(EVERYTHING).job_id
    sim.clock.advance(seconds)
    with pytest.raises(NotReady):
        contents.archive(job_id, "spec", "tar")
    sim.jobs.cancel(ME, job_id, ["spec"])
    found = members(b"".join(contents.archive(job_id, "spec", "tar")), "tar")
    assert f"USERPROD_{job_id}/spec/spec.log" in found
    assert len(found) <= 2
    assert {name.split("/")[1] for name in members(b"".join(contents.archive(job_id, "all", "tar")), "tar")} == {"spec"}


def test_there_is_no_archive_of_what_is_running_absent_or_expired(sim, contents):
    job_id = sim.jobs.submit(IMAGE).job_id
    sim.clock.advance(50)
    for stem in ("image", "all", "lc"):
        with pytest.raises(NotReady):
            contents.archive(job_id, stem, "zip")
    with pytest.raises(JobRefused):
        contents.archive(99, "image", "zip")
    sim.clock.advance(8 * DAY)
    for stem in ("image", "all", "lc"):
        with pytest.raises(Expired):
            contents.archive(job_id, stem, "zip")


@pytest.mark.parametrize(
    "path",
    ["image.zip", "all.tar", "lc.rar", "lc", "lc.", "nonsense.zip", "image/no.such", "lc/rebin_1/PCCURVE.qdp",
     "lc/rebin_x/a", "../USERPROD_1/image.zip", "lc/", "image.zip/", "%00", "lc/%2e%2e/x"],
)  # fmt: skip
def test_addresses_of_nothing_are_the_page_not_found(sim, path):
    ask = Asker(sim)
    job_id = ask.submit()
    answer = ask.raw("GET", f"/user_objects/tprods/USERPROD_{job_id}/{path}")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


@pytest.mark.parametrize("number", ["99", "0", "9" * 15, "9" * 16, "9" * 30, "9" * 5000, "-1", "1.0", "abc", "%D9%A1"])
def test_downloads_of_jobs_that_are_none_are_the_page_not_found(sim, number):
    for path in ("image.zip", "lc/a.qdp", "index.php", "lc/index.php"):
        answer = Asker(sim).raw("GET", f"/user_objects/tprods/USERPROD_{number}/{path}")
        assert answer.status_code == 404


def test_every_address_inside_an_answer_leads_to_a_file(sim, finished):
    ask = Asker(sim)
    answers = [ask(f"tprods/{name}.php", JobID=finished) for name in ("getLCData", "getSpecData")]
    addresses = {found for answer in answers for found in _addresses(answer)}
    assert len(addresses) >= 3
    for address in addresses:
        assert address.startswith(sim.jobs.job_url(finished))
        answer = ask.raw("GET", address.removeprefix("https://www.swift.ac.uk"))
        assert answer.status_code == 200, address
        assert answer.data


def _addresses(value: object) -> set[str]:
    if isinstance(value, dict):
        return {found for inner in value.values() for found in _addresses(inner)}
    if isinstance(value, list):
        return {found for inner in value for found in _addresses(inner)}
    return {value} if isinstance(value, str) and value.startswith("http") else set()


# rebinning -------------------------------------------------------------------------------------------------------


def rebin(ask: Asker, job_id: int, **more: object) -> int:
    answer = ask.main("rebinLightCurve", type="UOB_LC", objectID=str(job_id), binMeth="obsid", **more)
    assert "OK" in answer, answer
    return int(answer["JobID"])


def test_a_rebinning_lives_its_own_life(sim, ask, finished):
    number = rebin(ask, finished, timeFormat="MJD")
    assert number == 1, "rebinnings have numbers of their own"
    seen = []
    for _ in range(12):
        answer = ask.main("checkRebinStatus", JobID=number)
        seen.append((answer["status"], answer["text"]))
        sim.clock.advance(1)
    assert list(dict.fromkeys(seen)) == [(2, "Queued"), (3, "Running"), (4, "Complete")]
    answer = ask.main("downloadLightCurve", type="REBIN_LC", objectID=number)
    assert (answer["Binning"], answer["TimeFormat"], answer["APIVersion"]) == ("ObsID", "MJD", "1.0.5")
    assert "ObsID" in answer[f"{answer['Datasets'][0]}Data"]["columns"]
    for address in _addresses(answer):
        assert f"/lc/rebin_{number}/" in address
        assert ask.raw("GET", address.removeprefix("https://www.swift.ac.uk")).status_code == 200


def test_a_rebinning_changes_neither_the_job_nor_its_light_curve(sim, ask, finished):
    before = ask("tprods/getLCData.php", JobID=finished), ask("getOldProduct.php", oldJob=finished)
    rebin(ask, finished)
    sim.clock.advance(60)
    assert (ask("tprods/getLCData.php", JobID=finished), ask("getOldProduct.php", oldJob=finished)) == before
    assert ask("getNumJobs.php")["numJobs"] == 0


def test_files_of_a_rebinning_are_found_below_its_own_job_once_it_is_complete(sim, contents, ask):
    for _ in range(2):
        ask.submit(LIGHT_CURVE)
    sim.clock.advance(3600)
    number = rebin(ask, 1)
    path = f"lc/rebin_{number}/curve.qdp"
    for job_id, wanted in ((1, path), (2, path), (1, path.replace("curve", "none"))):
        with pytest.raises(NotReady, match=f"job {job_id} has no file {wanted}"):
            contents.file(job_id, wanted)
        sim.clock.advance(60)
    assert b"READ TERR" in whole(contents.file(1, path))


def test_a_rebinning_is_not_ready_before_its_end(ask, finished):
    number = rebin(ask, finished)
    answer = ask.main("downloadLightCurve", type="REBIN_LC", objectID=number)
    assert "OK" not in answer
    assert "not complete" in answer["ERRORTEXT"]


def test_a_rebinning_can_be_cancelled_until_it_has_ended(sim, ask, finished):
    first, second = rebin(ask, finished), rebin(ask, finished)
    assert "OK" in ask.main("cancelRebin", JobID=first)
    assert ask.main("checkRebinStatus", JobID=first)["status"] == StatusCode.CANCELLED
    sim.clock.advance(60)
    for number in (first, second):
        assert "OK" not in ask.main("cancelRebin", JobID=number)
    assert ask.main("checkRebinStatus", JobID=first)["text"] == "Cancelled at your request"


def test_anyone_who_knows_the_number_may_rebin(ask, sim):
    job_id = ask.submit(LIGHT_CURVE, UserID=ANOTHER_USER)
    sim.clock.advance(3600)
    assert rebin(ask, job_id) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"binMeth": "foo"}, "binMeth is foo"), ({"binMeth": "counts", "pcCounts": -1}, "pccounts is -1"),
     ({"binMeth": "counts", "pcCounts": "many", "softLo": 99}, "soft1 is 99")],
)  # fmt: skip
def test_parameters_of_a_rebinning_are_checked_like_those_of_a_submission(ask, finished, change, problem):
    answer = ask.main("rebinLightCurve", type="UOB_LC", objectID=finished, **change)
    assert "OK" not in answer
    assert problem in answer["ERRORTEXT"]


def test_a_rebinning_expires_with_its_job(sim, ask, finished):
    number = rebin(ask, finished)
    sim.clock.advance(8 * DAY)
    assert "no longer available" in ask.main("downloadLightCurve", type="REBIN_LC", objectID=number)["ERRORTEXT"]
    assert "no longer available" in ask.main("rebinLightCurve", type="UOB_LC", objectID=finished)["ERRORTEXT"]
    assert ask.main("checkRebinStatus", JobID=number)["status"] == 4


def test_contents_show_the_archive_as_it_was_when_the_run_began(make_sim):
    sim = make_sim("reprocessed")
    ask = Asker(sim)
    before = ask.submit(LIGHT_CURVE)
    sim.clock.advance(20 * DAY)
    after = ask.submit(LIGHT_CURVE)
    sim.clock.advance(DAY)
    old, new = (sim.jobs.old_job(ME, n).builds[0].started_at for n in (before, after))
    versions = [{o.version for o in sim.jobs.in_force.sky.observations(("00966554",), None, at)} for at in (old, new)]
    assert versions == [{1}, {2}]
    assert ask("tprods/getLCData.php", JobID=before)["OK"] == 0  # expired by now
    assert ask("tprods/getLCData.php", JobID=after)["OK"] == 1


def test_products_that_expire_give_their_room_back(sim, contents, finished):
    contents.archive(finished, Product.IMAGE.value, "zip")
    builder = sim.jobs.in_force.builder
    assert builder.files_kept.used > 0
    sim.clock.advance(8 * 86400)
    with pytest.raises(Expired):
        contents.archive(finished, Product.IMAGE.value, "zip")
    assert builder.files_kept.used == 0
