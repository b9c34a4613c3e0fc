"""Campaigns against the simulator: limited, continued after an interruption, and recorded in a ledger."""

import itertools
import json
import random
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from mock_server import Simulator
from xrt_client import RequestInvalid, Service, ServiceRejected, ServiceUnreachable, XRTProductRequest
from xrt_client.campaign import STUCK, Campaign, Pace
from xrt_client.campaign_cli import main, read_sources, request_of
from xrt_client.ledger import Event, Ledger, active_jobs
from xrt_client.retry import RetryPolicy

from .conftest import ME, PlainContents, plain_simulator


@pytest.fixture(autouse=True)
def synced(monkeypatch) -> list[int]:
    """Record which files are forced to the disk, and do not wait for it: no test here pulls the plug."""
    files: list[int] = []
    monkeypatch.setattr("os.fsync", files.append)
    return files


@pytest.fixture
def sim():
    with plain_simulator().intercept() as sim:
        yield sim


def service_of(sim: Simulator) -> Service:
    return Service(sleep=sim.clock.sleep, now=sim.clock.now)


def sources(number: int, *products: str) -> list[XRTProductRequest]:
    requests = []
    for n in range(number):
        request = XRTProductRequest(ME)
        request.setGlobalPars(name=f"Source {n}", RA=10.0 + n / 10, Dec=-5.0, targ="00010001", centroid=False)
        request.setGlobalPars(useSXPS=False)
        for product in products or ("StandardPos",):
            request.addProduct(product)
        requests.append(request)
    return requests


def kinds(campaign: Campaign) -> list[str]:
    return [event.kind for event in campaign.ledger.events]


# ---- a run -----------------------------------------------------------------------------------------------------


def test_all_sources_are_submitted_followed_and_saved(sim, tmp_path):
    campaign = Campaign(ME, sources(8, "StandardPos", "Image"), out=tmp_path, max_active=3, service=service_of(sim))
    summary = campaign.run()
    assert (summary.sources, summary.done, summary.given_up) == (8, 8, 0)
    assert (summary.jobs, summary.products) == (8, 16)
    assert sorted(path.name for path in (tmp_path / "Source_0").iterdir()) == ["image.tar.gz", "psf.tar.gz"]
    assert str(summary).startswith("8 sources: 8 done, 0 open, 0 given up\n8 jobs, 16 products saved, at most 3 active")


def test_the_throttle_is_kept_and_the_manners_are_good(sim, tmp_path):
    Campaign(ME, sources(12), out=tmp_path, max_active=3, service=service_of(sim)).run()
    report = sim.report()
    assert report["active_jobs"]["peak"] == 3
    assert report["jobs"]["submitted"] == 12
    calls = [entry.at for entry in sim.journal.where(operation="checkProductStatus")]
    assert min(b - a for a, b in itertools.pairwise(calls)) >= 10


def test_jobs_of_yours_from_elsewhere_count(sim, tmp_path):
    service = service_of(sim)
    for other in sources(4):
        other.setGlobalPars(name="other")
        assert XRTProductRequest(ME, JSONVals=other.getJSONDict(), service=service).submit()
    campaign = Campaign(ME, sources(3), out=tmp_path, max_active=5, service=service)
    campaign.run()
    assert campaign.summary().done == 3
    assert sim.report()["active_jobs"]["peak"] <= 5


def test_a_limit_lower_than_the_throttle_is_respected_and_no_source_is_given_up(tmp_path):
    with plain_simulator(settings={"limits.active_jobs": 2}).intercept() as sim:
        campaign = Campaign(ME, sources(6), out=tmp_path, max_active=5, service=service_of(sim))
        assert campaign.run().done == 6
    assert "postponed" in kinds(campaign)


def test_a_source_the_service_cannot_resolve_is_given_up_and_the_others_go_on(sim, tmp_path):
    requests = sources(3)
    requests[1].setGlobalPars(getCoords=True, name="No such thing in the sky")
    summary = Campaign(ME, requests, out=tmp_path, service=service_of(sim)).run()
    assert (summary.done, summary.given_up) == (2, 1)
    assert list(summary.reasons) == ["No_such_thing_in_the_sky"]


@pytest.mark.parametrize("times", [1, 2])
def test_a_refused_list_of_jobs_gives_up_no_source(tmp_path, times):
    with plain_simulator().intercept() as sim:
        sim.controls.plan_fault({"kind": "refuse", "operation": "listOldJobs", "times": times})
        summary = Campaign(ME, sources(3), out=tmp_path, service=service_of(sim)).run()
    assert (summary.done, summary.given_up) == (3, 0)


def test_a_source_with_wrong_parameters_is_given_up_at_once(sim, tmp_path):
    requests = sources(2)
    requests[0].setGlobalPars(centroid=True, posErr=0.01)
    campaign = Campaign(ME, requests, out=tmp_path, service=service_of(sim))
    summary = campaign.run()
    assert "posErr is 0.01" in summary.reasons["Source_0"]
    assert "postponed" not in kinds(campaign)


def test_an_unknown_user_ends_it(tmp_path):
    with Simulator(users="registered").intercept() as sim, pytest.raises(ServiceRejected, match="not recognised"):
        Campaign(ME, sources(2), out=tmp_path, service=service_of(sim)).run()


def test_failed_products_are_requested_again_after_all_other_sources(tmp_path):
    with plain_simulator().intercept() as sim:
        sim.controls.plan_fault({"kind": "product-failed", "product": "psf", "call": 1})
        campaign = Campaign(ME, sources(4, "StandardPos", "Image"), out=tmp_path, max_active=2, service=service_of(sim))
        summary = campaign.run()
    assert (summary.done, summary.jobs, summary.products) == (4, 5, 8)
    accepted = [event.key for event in campaign.ledger.events if event.kind == "accepted"]
    assert accepted == ["Source_0", "Source_1", "Source_2", "Source_3", "Source_0"]
    assert campaign.ledger.entries["Source_0"].document.get("image") is None


def test_a_product_that_fails_again_is_given_up_and_what_there_is_is_kept(tmp_path):
    with plain_simulator().intercept() as sim:
        sim.controls.plan_fault({"kind": "product-failed", "product": "psf"})
        campaign = Campaign(ME, sources(1, "StandardPos", "Image"), out=tmp_path, service=service_of(sim))
        summary = campaign.run()
    assert summary.reasons == {"Source_0": "StandardPos ended with status -3"}
    assert summary.products == 1


def test_a_product_that_never_ends_is_cancelled_and_does_not_hold_its_place(tmp_path):
    with plain_simulator().intercept() as sim:
        sim.controls.plan_fault({"kind": "stuck", "product": "psf", "call": 1})
        began = sim.clock.now()
        pace = Pace(stuck_after_s=7200)
        campaign = Campaign(ME, sources(2), out=tmp_path, max_active=1, pace=pace, service=service_of(sim))
        summary = campaign.run()
        assert sim.clock.now() - began > 7200
    assert (summary.done, summary.jobs) == (2, 3)
    assert [e.detail["code"] for e in campaign.ledger.events if e.kind == "ended"] == [STUCK, 4, 4]


def test_a_cut_archive_is_fetched_again(tmp_path):
    with plain_simulator().intercept() as sim:
        sim.controls.plan_fault({"kind": "cut", "operation": "downloadProduct", "call": 1, "after_bytes": 300})
        assert Campaign(ME, sources(1), out=tmp_path, service=service_of(sim)).run().products == 1
    assert (tmp_path / "Source_0" / "psf.tar.gz").read_bytes() == PlainContents.forms["tar.gz"]


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_archives_are_unpacked_beside_themselves(sim, tmp_path, form):
    summary = Campaign(ME, sources(1), out=tmp_path, form=form, extract=True, service=service_of(sim)).run()
    assert (summary.done, summary.products) == (1, 1)
    assert (tmp_path / "Source_0" / f"psf.{form}").exists()
    assert (tmp_path / "Source_0" / "USERPROD_1" / "psf.log").read_bytes() == PlainContents.content


def test_an_archive_that_stays_broken_is_not_kept_and_the_summary_says_why(tmp_path):
    with plain_simulator().intercept() as sim:
        sim.controls.plan_fault({"kind": "archive-cut", "operation": "downloadProduct", "after_bytes": 300})
        summary = Campaign(ME, sources(1), out=tmp_path, service=service_of(sim)).run()
    assert "not a complete archive" in summary.reasons["Source_0"]
    assert list((tmp_path / "Source_0").iterdir()) == []


def test_an_outage_is_waited_for(tmp_path):
    with plain_simulator("maintenance").intercept() as sim:
        sim.clock.advance(22.9 * 3600)  # minutes before the eight hours on Tuesday
        began = sim.clock.now()
        pace = Pace(longest_poll_s=3600)
        summary = Campaign(ME, sources(6), out=tmp_path, max_active=2, pace=pace, service=service_of(sim)).run()
        assert sim.clock.now() - began > 8 * 3600
    assert (summary.done, summary.jobs) == (6, 6)


def test_patience_with_a_service_that_is_gone_has_an_end(tmp_path):
    with plain_simulator().intercept() as sim:
        sim.controls.plan_fault({"kind": "status", "status": 503})
        began = sim.clock.now()
        campaign = Campaign(ME, sources(1), out=tmp_path, pace=Pace(patience_s=3600), service=service_of(sim))
        with pytest.raises(ServiceUnreachable):
            campaign.run()
        assert 3600 <= sim.clock.now() - began < 3 * 3600


def test_a_budget_ends_the_run_and_the_next_run_goes_on(sim, tmp_path):
    service = service_of(sim)
    began = sim.clock.now()
    first = Campaign(ME, sources(10), out=tmp_path, max_active=1, budget_s=600, service=service).run()
    assert sim.clock.now() - began == pytest.approx(600, abs=120)
    assert 0 < first.done < 10
    second = Campaign(ME, sources(10), out=tmp_path, max_active=1, service=service).run()
    assert (second.done, second.jobs) == (10, 10)


def test_a_campaign_can_be_continued_from_its_ledger_alone(sim, tmp_path):
    service = service_of(sim)
    Campaign(ME, sources(3), out=tmp_path, budget_s=0, service=service).run()
    assert Campaign(ME, out=tmp_path, service=service).run().done == 3


# ---- killed ----------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone: nothing of it catches this."""


class Mortal(Service):
    """Service that dies right after a certain call: the call has had its effect, but its answer is lost."""

    def __init__(self, sim: Simulator, lives: int) -> None:
        super().__init__(sleep=sim.clock.sleep, now=sim.clock.now, policy=RetryPolicy(first_s=1.0))
        self.lives = lives

    def _live(self) -> None:
        self.lives -= 1
        if self.lives == 0:
            raise Killed

    def post(self, operation: str, document: Any, **options: Any) -> Any:
        answer = super().post(operation, document, **options)
        self._live()
        return answer

    def repeating(self, call: Any, key: str) -> Any:
        answer = super().repeating(call, key)
        if key.startswith("http"):  # a download
            self._live()
        return answer


def run_with_deaths(
    sim: Simulator, number: int, deaths: int, out: Path, seed: int = 1, max_active: int = 5
) -> Campaign:
    """Run a campaign that dies at random calls, and start it again each time."""
    chance = random.Random(seed)
    requests = [request.getJSONDict() for request in sources(number)]
    for life in range(deaths + 1):
        service = Mortal(sim, chance.randint(1, 9 * number // (deaths + 1)) if life < deaths else 10**9)
        campaign = Campaign(ME, requests, out=out, max_active=max_active, service=service)
        try:
            campaign.run()
        except Killed:
            continue
        return campaign
    raise AssertionError("the last life has no end")


@pytest.mark.spoils_answers("answers get lost, cut and garbled on purpose")
@pytest.mark.parametrize("seed", range(2))
def test_a_campaign_killed_at_random_moments_makes_every_product_once(tmp_path, seed):
    with plain_simulator("flaky").intercept() as sim:
        sim.controls.plan_fault({"kind": "lost", "operation": "run_userobject", "probability": 0.1})
        campaign = run_with_deaths(sim, 30, 10, tmp_path, seed)
        report = sim.report()
    summary = campaign.summary()
    assert (summary.done, summary.jobs, summary.products) == (30, 30, 30)
    assert report["jobs"]["submitted"] == 30
    assert report["active_jobs"]["peak"] <= 5
    assert len(list(tmp_path.glob("Source_*/psf.tar.gz"))) == 30
    assert not list(tmp_path.glob("*/*.part"))


# ---- the ledger ------------------------------------------------------------------------------------------------


def test_a_half_written_line_does_not_count(tmp_path):
    ledger = Ledger(tmp_path / "a.jsonl", ME)
    ledger.add(Event(1.0, "planned", "A", {"document": {"name": "A"}}))
    ledger.close()
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('[2.0, "submitting", "A", {"aft')
    again = Ledger(tmp_path / "a.jsonl", ME)
    assert [event.kind for event in again.events] == ["planned"]
    again.add(Event(3.0, "submitting", "A", {"after": 7}))
    again.close()
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 3


def test_two_runs_cannot_share_a_ledger(tmp_path):
    ledger = Ledger(tmp_path / "a.jsonl", ME)
    with pytest.raises(RequestInvalid, match="in use"):
        Ledger(tmp_path / "a.jsonl", ME)
    ledger.close()
    Ledger(tmp_path / "a.jsonl", ME).close()


@pytest.mark.parametrize("content", ['{"campaign": 2, "user": "you@example.org"}\n', "time,flux\n1,2\n", "[]\n"])
def test_a_file_that_is_something_else_is_left_alone(tmp_path, content):
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(RequestInvalid, match=r"belongs to|not the ledger"):
        Ledger(tmp_path / "a.jsonl", ME)
    assert (tmp_path / "a.jsonl").read_text() == content


def test_a_source_that_has_changed_needs_another_ledger(sim, tmp_path):
    Campaign(ME, sources(1), out=tmp_path, service=service_of(sim)).run()
    changed = sources(1)
    changed[0].setGlobalPars(RA=99.0)
    with pytest.raises(RequestInvalid, match="another state file"):
        Campaign(ME, changed, out=tmp_path, service=service_of(sim))


@pytest.mark.parametrize(("options", "complaint"), [({"form": "rar"}, "rar is not"), ({"max_active": 0}, "at least 1")])
def test_invalid_options_are_refused(tmp_path, options, complaint):
    with pytest.raises(RequestInvalid, match=complaint):
        Campaign(ME, sources(1), out=tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_names_are_made_unique_and_safe(sim, tmp_path):
    requests = sources(3)
    for request, name in zip(requests, ["GK Per", "GK Per", "../x"], strict=True):
        request.setGlobalPars(name=name)
    campaign = Campaign(ME, requests, out=tmp_path, service=service_of(sim))
    assert list(campaign.ledger.entries) == ["GK_Per", "GK_Per_2", "x"]
    campaign.ledger.close()


def test_a_request_that_is_not_ready_is_refused_before_anything_is_sent(sim, tmp_path):
    with pytest.raises(RequestInvalid, match="`targ` is not set"):
        Campaign(ME, [*sources(1), XRTProductRequest(ME)], out=tmp_path, service=service_of(sim))
    assert not (tmp_path / "campaign.jsonl").exists()


def test_every_event_is_on_the_disk_before_the_caller_sees_it(sim, tmp_path, synced):
    seen: list[Event] = []
    forced: list[int] = []

    def look(event: Event) -> None:
        seen.append(event)
        forced.append(len(synced))
        assert len((tmp_path / "campaign.jsonl").read_text().splitlines()) == 1 + len(seen)

    campaign = Campaign(ME, sources(1), out=tmp_path, on_event=look, service=service_of(sim))
    campaign.run()
    assert [event.kind for event in seen] == ["planned", "submitting", "accepted", "ended", "fetched", "saved", "done"]
    assert seen == campaign.ledger.events
    assert forced == [2, 3, 4, 5, 6, 7, 8], "once for the first line, and once for each event"
    first = (tmp_path / "campaign.jsonl").read_text().splitlines()[0]
    assert json.loads(first) == {"campaign": 2, "user": ME}


def test_active_jobs_are_counted_over_time():
    events = [
        Event(0.0, "accepted", "A", {}),
        Event(5.0, "accepted", "B", {}),
        Event(9.0, "done", "A", {}),
        Event(12.0, "given up", "B", {}),
    ]
    assert active_jobs(events) == [(0.0, 1), (5.0, 2), (9.0, 1), (12.0, 0)]


def test_a_summary_can_be_written_as_json(sim, tmp_path):
    summary = Campaign(ME, sources(2), out=tmp_path, service=service_of(sim)).run()
    assert json.loads(summary.as_json())["done"] == 2


# ---- the command -----------------------------------------------------------------------------------------------

CSV = """name,RA,Dec,targ,T0,LightCurve.binMeth,Spectrum.hasRedshift
GK Per,52.8,43.9,00010873,,obsid,false
GRB 200416A,,,,608713541.952,obsid,
"""
TOML = """
[defaults]
centroid = true
posErr = 1
LightCurve = { binMeth = "counts", pcCounts = 20, wtCounts = 30, dynamic = true }

[[source]]
name = "GK Per"
StandardPos = {}

[[source]]
name = "FO Aqr"
centroid = false
"""


def requests_of(file: Path, *settings: str) -> list[XRTProductRequest]:
    return [request_of(source, ME) for source in read_sources(file, settings)]


def test_a_csv_file_names_sources_parameters_and_products(tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    gk_per, grb = requests_of(tmp_path / "a.csv")
    assert gk_per.getAllPars() == {
        "name": "GK Per",
        "targ": "00010873",
        "RA": 52.8,
        "Dec": 43.9,
        "centroid": False,
        "useSXPS": False,
        "getTargs": False,
        "LightCurve": {"binMeth": "obsid"},
        "Spectrum": {"deltaFitStat": 2.706, "hasRedshift": False},
    }
    assert grb.productList == ["lc"]
    assert (grb.getGlobalPars("getCoords"), grb.getGlobalPars("getTargs")) == (True, True)
    assert all(request.isValid()[0] for request in (gk_per, grb))


def test_a_toml_file_has_defaults_and_products_without_parameters(tmp_path):
    (tmp_path / "a.toml").write_text(TOML)
    gk_per, fo_aqr = requests_of(tmp_path / "a.toml")
    assert gk_per.productList == ["lc", "psf"]
    assert gk_per.getLightCurvePars("dynamic") is True
    assert (gk_per.getGlobalPars("centroid"), fo_aqr.getGlobalPars("centroid")) == (True, False)
    assert fo_aqr.productList == ["lc"]


def test_settings_hold_for_all_sources_that_do_not_say_otherwise(tmp_path):
    (tmp_path / "a.csv").write_text("name,posRadius\nGK Per,30\nFO Aqr,\n")
    gk_per, fo_aqr = requests_of(tmp_path / "a.csv", "StandardPos.whichData=all", "posRadius=10")
    assert gk_per.getStandardPosPars() == {"posRadius": 30, "whichData": "all"}
    assert fo_aqr.getStandardPosPars() == {"posRadius": 10, "whichData": "all"}


SPREADSHEET = "name;RA;Dec;targ;LightCurve.pcCounts\r\nGK Per;52,8;43,9;00010873,00010874;20\r\n;;;;\r\n"


@pytest.mark.parametrize(
    "content",
    [
        SPREADSHEET.encode(),
        b"\xef\xbb\xbf" + SPREADSHEET.encode(),
        SPREADSHEET.encode("utf-16"),
        b"\xfe\xff" + SPREADSHEET.encode("utf-16-be"),
        b"sep=;\r\n" + SPREADSHEET.encode(),
        SPREADSHEET.replace(";", "\t").encode(),
        b'name,RA,Dec,targ,LightCurve.pcCounts\nGK Per, 52.8,43.9,"00010873,00010874",20\n',
    ],
)
def test_a_table_from_a_spreadsheet_is_read(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    (gk_per,) = requests_of(tmp_path / "a.csv", "LightCurve.binMeth=counts", "LightCurve.wtCounts=30")
    held = gk_per.getAllPars()
    assert (held["name"], held["RA"], held["Dec"], held["targ"]) == ("GK Per", 52.8, 43.9, "00010873,00010874")
    assert held["LightCurve"]["pcCounts"] == 20


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", "name;RA\nÄ;1\n".encode("latin-1"), "neither UTF-8 nor UTF-16 .byte 8.; save it as UTF-8"),
        ("a.csv", b"name,RA,Dec\nA,52,8,43,9\n", r"line 2 has 5 cells, but there are 3 columns"),
        ("a.csv", b'name,RA,Dec\nA,"52,8","43,9"\n', r"RA is '52,8', but must be float with a decimal point"),
        ("a.csv", b"sep=;\nname;RA\nA;1;2\n", r"line 3 has 3 cells"),
        ("a.csv", b"name,RA,RA\nA,1,2\n", "two columns RA"),
        ("a.csv", b'name,RA\n"A,1\n', "is not CSV"),
        ("a.csv", b"n\0a\0m\0e\0\n\0A\0", "neither UTF-8 nor UTF-16 .byte 1."),
        ("a.csv", b"", "has no sources"),
        ("a.toml", b"\xff\xfe[\x00", "not TOML"),
        ("a.toml", b"[[source]", "not TOML"),
        ("b.csv", None, "No such file or directory; see xrt-client"),
    ],
)
def test_a_table_that_cannot_be_read_ends_with_one_sentence(sim, tmp_path, capsys, name, content, complaint):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    command = ["campaign", str(tmp_path / name), "--user", ME, "--set", "StandardPos.whichData=all"]
    assert main([*command, "--out", str(tmp_path / "data")]) == 2
    words = capsys.readouterr().err
    assert re.search(complaint, words)
    assert len(words.splitlines()) == 1
    assert len(sim.journal) == 0


def test_a_bug_of_the_command_is_not_taken_for_invalid_input(sim, tmp_path, command, monkeypatch):
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(Campaign, "_follow", broken)
    with pytest.raises(ValueError, match="a bug"):
        main(command)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("name,nonsense\nA,1\n", "there is no parameter nonsense"),
        ("name,Gravity.x\nA,1\n", "there is no product Gravity"),
        ("name,RA,Dec\nA,12h,3\n", "RA is '12h'"),
        ("name,LightCurve.binMeth\nA,guess\n", "LightCurve.binMeth is 'guess'"),
        ("name\n", "has no sources"),
        ("name\nA\n", "No products have been requested"),
    ],
)
def test_an_invalid_table_is_refused_before_anything_is_sent(sim, tmp_path, capsys, table, complaint):
    (tmp_path / "a.csv").write_text(table)
    assert main(["campaign", str(tmp_path / "a.csv"), "--user", ME, "--out", str(tmp_path / "data")]) == 2
    assert complaint in capsys.readouterr().err
    assert len(sim.journal) == 0


def test_the_command_runs_a_campaign(sim, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", sim.clock.sleep)
    (tmp_path / "a.csv").write_text("name,RA,Dec,targ,StandardPos.whichData\nA,10,20,00010001,all\n")
    out, summary = tmp_path / "data", tmp_path / "summary.json"
    arguments = ["campaign", str(tmp_path / "a.csv"), "--user", ME, "--out", str(out), "--json", str(summary)]
    assert main([*arguments, "--plot", str(tmp_path / "active.png")]) == 0
    assert (tmp_path / "active.png").stat().st_size > 1000
    assert "1 sources: 1 done" in capsys.readouterr().out
    assert json.loads(summary.read_text())["products"] == 1
    assert (out / "A" / "psf.tar.gz").exists()
    assert main(arguments) == 0, "a finished campaign can be run again and does nothing"
    assert sim.report()["jobs"]["submitted"] == 1


@pytest.fixture
def command(sim, tmp_path, monkeypatch):
    """Return the arguments of a command for one source; its pauses pass on the clock of the simulator."""
    monkeypatch.setattr("time.sleep", sim.clock.sleep)
    (tmp_path / "a.csv").write_text("name,RA,Dec,targ,StandardPos.whichData\nA,10,20,00010001,all\n")
    return ["campaign", str(tmp_path / "a.csv"), "--user", ME, "--out", str(tmp_path / "data")]


def test_the_command_shows_its_progress_on_a_terminal(command, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(command) == 0
    lines = capsys.readouterr().err.split("\r")
    assert lines[-1] == "1/1 done, 1 jobs, 1 saved, 0 given up\n"


def test_the_command_can_be_continued_after_an_error(sim, command, capsys):
    sim.controls.plan_fault({"kind": "refuse", "text": "Not now.", "operation": "getNumJobs"})
    assert main(command) == 1
    assert capsys.readouterr().err.endswith("Run the same command again to continue.\n")
    sim.controls.clear_faults()
    assert main(command) == 0
    assert sim.report()["jobs"]["submitted"] == 1


def test_the_command_can_be_interrupted_and_continued(sim, command, capsys, monkeypatch, request):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with monkeypatch.context() as patched:
        patched.setattr(Campaign, "_follow", lambda *_: signal.raise_signal(signal.SIGINT))
        assert main(command) == 130
    assert "run the same command again to continue" in capsys.readouterr().err
    assert main(command) == 0
    assert sim.report()["jobs"]["submitted"] == 1


def test_a_source_is_given_up_if_it_is_refused_while_no_job_is_active(sim, tmp_path):
    (request,) = sources(1)
    request.setGlobalPars(getCoords=True, name="No such thing in the sky")
    campaign = Campaign(ME, [request], out=tmp_path, service=service_of(sim))
    assert campaign.run().given_up == 1
    assert len(list(sim.journal.where(operation="run_userobject"))) == 1


def test_documents_of_the_same_name_are_sources_of_their_own(sim, tmp_path):
    documents = [request.getJSONDict() | {"name": "One"} for request in sources(3)]
    summary = Campaign(ME, documents, out=tmp_path, service=service_of(sim)).run()
    assert (summary.done, summary.jobs) == (3, 3)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["One", "One_2", "One_3"]


def test_no_source_is_submitted_while_other_jobs_take_the_room(sim, tmp_path):
    service = service_of(sim)
    (other,) = sources(1)
    other.setGlobalPars(name="other")
    assert XRTProductRequest(ME, JSONVals=other.getJSONDict(), service=service).submit()
    assert Campaign(ME, sources(1), out=tmp_path, max_active=1, service=service).run().done == 1
    assert sim.report()["active_jobs"]["peak"] == 1


def test_a_plot_without_matplotlib_is_refused_before_anything_is_sent(sim, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("xrt_client.campaign_cli.find_spec", lambda _name: None)
    file = tmp_path / "sources.csv"
    file.write_text("name\nGRB 060729\n")
    assert main(["campaign", str(file), "--user", ME, "--plot", str(tmp_path / "active.png")]) == 2
    assert "--plot needs matplotlib; install it with: pip install 'xrt-mock[analysis]'" in capsys.readouterr().err
    assert len(sim.journal) == 0
