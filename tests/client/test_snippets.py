"""Every snippet of the documentation pages inside the official package runs on this client.

The pages are read where they are installed. A snippet that cannot run as printed is fixed here, with the reason. Each
fix must still be needed, so that the list stays true.
"""

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import xrt_client
from mock_server import Simulator

from .conftest import ME, tutorial

mpl.use("Agg")
PROMPT = re.compile(r"^In\s?\[\d*\]:\s?")
_FOUND = importlib.util.find_spec("swifttools")
FOLDER = Path(str(_FOUND.origin)).parent / "ukssdc" / "APIDocs" / "ukssdc" / "xrt_prods" if _FOUND else Path()
PAGES = (
    *("RequestJob.md", "ReturnData.md", "JobStatus.md", "CancelJob.md", "RetrieveProducts.md"),
    *("advanced.md", "README.md", "ReleaseNotes_v110.md"),
)

# what is printed -> what runs, and why
FIXES = {
    "advanced.md": [
        ("my waited = 0", "waited = 0", "a slip of the pen"),
        ("productsIwant", "productsIWant", "one name in two spellings"),
        (
            "while ux.countActiveJobs(my_email) < max_jobs:",
            "while ix < len(productsIWant) and ux.countActiveJobs(my_email) < max_jobs:",
            "the list ends",
        ),
        ("tmpReq.addLightCurve", "myReqs[ix].addLightCurve", "a name of an earlier version"),
        ("myReqs.submit()", "myReqs[ix].submit()", "a list cannot be submitted"),
        ("x['LightCurve]]", "x['LightCurve']]", "a missing quote"),
        ("oldJobs if", "myOldJobs if", "one name in two spellings"),
        ("copyOldJob(868)", "copyOldJob(myOldReq.JobID)", "that job belongs to another user"),
        ("me@myinstitute.countryCode", ME, "an address of no user"),
    ],
    "CancelJob.md": [
        ('cancelStatus[0]["LightCurve"]', 'cancelStatus[1]["LightCurve"]', "the second entry is meant"),
        (
            "ok, cancelStatus = myReq.cancelProducts(['LightCurve'])",
            "myReq = submitted(); ok, cancelStatus = myReq.cancelProducts(['LightCurve'])",
            "the second example has a job of its own",
        ),
    ],
    "RetrieveProducts.md": [
        ("'/my/safe/place/' what", "'/my/safe/place/', what", "a missing comma"),
        (
            "myReq.plotLC",
            "myReq.retrieveLightCurve(); myReq.plotLC",
            "the light curve has been fetched in the text before",
        ),
    ],
    "tutorial.md": [
        ("myReq.enhancedPos()", "myReq.enhancedPos", "a property, as everywhere else"),
        (
            "print(progress['StandardPos']['progressText'])",
            "print(progress['StandardPos']['progressText']); time.sleep(36000)",
            "the cup of tea that follows",
        ),
        ('name="GRB 200116A"', 'name="GRB 200416A"', "the object whose position is given"),
        ("myReq.downloadProducts('", "saved = myReq.downloadProducts('", "the test looks at what was saved"),
    ],
    "ReleaseNotes_v110.md": [("lc = myReq.", "lc = myOldReq.", "the request has to have a position")],
    "README.md": [
        ("(centroid=True, ...etc ...)", "(**globals_)", "etc."),
        ("addLightCurve ( **somePars", "addLightCurve ( **light_curve", "etc."),
        ("**somePars", "", "etc."),
        ("myReq.submit()", "assert myReq.submit(); myReq.wait()", "it takes its time"),
    ],
}
# the old forms of results: refused here, see docs/client-differences.md
OLD_FORMS = ("useDeprecate = True", "useDeprecate=True", "deprecate = True")


def snippets(page: str) -> Iterator[str]:
    """Yield the pieces of code of a page: whole blocks, or what follows each prompt."""
    for language, block in re.findall(
        r"^```(\w*) *\n(.*?)^ ?``` *$", (FOLDER / page).read_text(), re.MULTILINE | re.DOTALL
    ):
        if language in ("", "python"):
            yield from _typed(block) if re.search(r"^In\s?\[", block, re.MULTILINE) else [block]


def _typed(block: str) -> list[str]:
    """Return what was typed in an interactive session, without what was printed."""
    pieces: list[str] = []
    typing = False
    for line in block.splitlines():
        if prompt := PROMPT.match(line):
            pieces.append(line[prompt.end() :])
            typing = True
        elif line.startswith("Out"):
            typing = False
        elif typing and re.match(r"^\s+\.\.\.:", line):
            pieces[-1] += "\n" + line.split(":", 1)[1][1:]
        elif typing and not _complete(pieces[-1]):
            pieces[-1] += "\n" + line
    return pieces


def _complete(code: str) -> bool:
    try:
        compile(code, "snippet", "exec")
    except SyntaxError:
        return False
    return True


def _here(code: str, out: Path) -> str:
    """Point a snippet at this client, this user and this folder."""
    code = re.sub(r"swifttools(\.ukssdc)?\.xrt_prods", "xrt_client", code)
    code = re.sub(r"YOUR_EMAIL_(HERE|ADDRESS)", ME, code)
    return re.sub(r"(?<=['\"])/?(my/path|my/safe/place|some/where|mydir|mylc\.png)", rf"{out}/\1", code)


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_products: Callable[[Simulator], Simulator]
) -> Iterator[dict[str, Any]]:
    """Return the names that the pages assume: requests in every state, and modules."""
    monkeypatch.chdir(tmp_path)
    with shared_products(Simulator(seed=5)).intercept() as sim:
        monkeypatch.setattr("time.sleep", sim.clock.sleep)

        def submitted() -> xrt_client.XRTProductRequest:
            request = tutorial()
            for product in ("StandardPos", "EnhancedPos", "AstromPos"):
                request.addProduct(product)
            request.addSourceDet(whichData="all", whichBands="all")
            assert request.submit()
            return request

        def complete() -> xrt_client.XRTProductRequest:
            request = submitted()
            request.wait()
            return request

        wanted = SimpleNamespace(globalPars=tutorial().globalPars, hasLightCurve=True)
        wanted.lcPars = tutorial().getLightCurvePars()
        yield {
            "ux": xrt_client,
            "json": json,
            "time": sys.modules["time"],
            "submitted": submitted,
            "complete": complete,
            "XRTProductRequest": xrt_client.XRTProductRequest,
            "globals_": tutorial().globalPars,
            "light_curve": {"binMeth": "obsid"},
            "someFunctionToDefineWhatIWant": lambda: [wanted] * 7,
            "something": tutorial().getJSONDict(),
            "sim": sim,
        }
    plt.close("all")


def _prepare(page: str, scene: dict[str, Any]) -> None:
    if page in ("ReturnData.md", "CancelJob.md", "JobStatus.md"):
        scene["myReq"] = scene["submitted"]()
    if page == "JobStatus.md":
        while scene["myReq"].checkProductStatus()["Spectrum"]["statusCode"] != 3:
            scene["sim"].clock.advance(10)
    if page in ("RetrieveProducts.md", "ReleaseNotes_v110.md", "advanced.md"):
        scene["myReq"] = scene["myOldReq"] = scene["complete"]()
    if page == "advanced.md":
        for _ in range(9):
            assert tutorial().submit()
        scene["sim"].clock.advance(864_000)


def run_snippets(page: str, scene: dict[str, Any], out: Path) -> set[str]:
    """Run all snippets of a page, one after the other; return the fixes that were not needed."""
    _prepare(page, scene)
    unused = {printed for printed, _, _ in FIXES.get(page, ())}
    ran = 0
    for snippet in snippets(page):
        code = snippet
        for printed, runs, _reason in FIXES.get(page, ()):
            if printed in code:
                unused.discard(printed)
                code = code.replace(printed, runs)
        code = _here(code, out)
        try:
            exec(compile(code, f"{page}: {snippet[:60]!r}", "exec"), scene)
        except xrt_client.RequestInvalid:
            if not any(form in snippet for form in OLD_FORMS):
                raise
        finally:
            xrt_client.XRTProductRequest.useDeprecate = False
        ran += 1
    assert ran > 0
    return unused


@pytest.mark.parametrize("page", PAGES)
def test_every_snippet_of_a_page_runs(page, scene, tmp_path):
    assert run_snippets(page, scene, tmp_path) == set(), "these are not on the page any more"


def test_the_tutorial_runs_and_saves_every_product(scene, tmp_path):
    assert run_snippets("tutorial.md", scene, tmp_path) == set(), "these are not on the page any more"
    assert list(scene["saved"]) == ["LightCurve", "Spectrum", "StandardPos", "EnhancedPos", "AstromPos"]
    assert all(Path(path).is_file() for path in scene["saved"].values())


def test_the_first_reports_are_the_printed_ones(scene):
    page = (FOLDER / "RequestJob.md").read_text()
    request = xrt_client.XRTProductRequest(ME)
    request.addLightCurve(binMeth="counts", pcCounts=20, wtCounts=30, dynamic=True)
    request.addSpectrum(hasRedshift=False)
    for report in (request.isValid(["LightCurve", "Spectrum"])[1], request.isValid()[1]):
        assert report in page
    assert request.submit() is False
    assert str(request.submitError).split("\n\n")[0] in page


# ---- the older page of advanced usage, where it differs ---------------------------------------------------------


def test_the_older_page_has_another_spelling_and_it_works(scene, capsys):
    xrt_prods = xrt_client
    my_old_req = scene["submitted"]()
    my_new_req = xrt_prods.XRTProductRequest(ME)
    for something in (my_old_req.getJSONDict(), my_old_req.getJSON()):
        my_new_req.SetFromJSON(something)
        assert my_new_req.getAllPars() == my_old_req.getAllPars()
    job_pars = my_old_req.subRetData["jobPars"]
    my_new_req.SetFromJSON(job_pars, fromServer=True)
    kept = json.dumps(job_pars)
    again = xrt_prods.XRTProductRequest(ME, JSONVals=kept, fromServer=True)
    assert again.getAllPars() == my_new_req.getAllPars()
    assert again.submit(), "what the service has worked out can be submitted as it is"
    assert xrt_prods.countActiveJobs(ME) == my_new_req.countActiveJobs() == 2


@pytest.mark.parametrize(
    ("product", "pars"),
    [
        ("LightCurve", {"binMeth": "time"}),
        ("Spectrum", {"redshift": 1.0}),
        ("StandardPos", {"posRadius": 10}),
        ("EnhancedPos", {"posRadius": 10}),
        ("AstromPos", {"useAllObs": True}),
        ("Image", {"energies": "0.3-10"}),
    ],
)
def test_every_product_can_be_assigned(product, pars):
    my_old_req, my_new_req = xrt_client.XRTProductRequest(ME), xrt_client.XRTProductRequest(ME)
    my_old_req.addProduct(product, **pars)
    setattr(my_new_req, product, getattr(my_old_req, product))
    assert my_new_req.getProductPars(product) == my_old_req.getProductPars(product)


def test_old_jobs_are_listed_with_the_documented_keys(scene):
    scene["submitted"]()
    (entry,) = xrt_client.listOldJobs(ME)
    flags = ["LightCurve", "Spectrum", "StandardPos", "EnhancedPos", "AstromPos", "Image", "hasProd"]
    assert list(entry) == ["JobID", "Name", "DateSubmitted", *flags]
    assert all(isinstance(entry[flag], bool) for flag in flags)
