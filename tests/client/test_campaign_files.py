"""A campaign and its folder: files of others are neither trusted nor overwritten, and a local error is never final."""

import errno
import io
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mock_server import Simulator
from xrt_client import (
    LocalFailure,
    RequestInvalid,
    Service,
    ServiceRejected,
    XRTProductRequest,
    files,
    ledger,
    retrieve,
)
from xrt_client.campaign import Campaign, Pace
from xrt_client.ledger import Event, Ledger

from .conftest import ME, archive, plain_simulator
from .test_campaign import service_of, sources

DAY = 86_400.0


class NamedContents:
    """Makes archives that say which job they are of."""

    def archive(self, orders: Any, form: str) -> tuple[bytes, ...]:
        return (archive(form, **{f"USERPROD_{orders[0].job_id}/psf.log": b"done"}),)

    def forget_expired(self, now: float) -> None:
        """Nothing is kept."""


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def sim():
    with plain_simulator().intercept() as sim:
        sim.jobs.in_force._builder = NamedContents()  # type: ignore[assignment] # has all that is used here
        yield sim


def run(sim: Simulator, out: Path, number: int = 1, **options: Any) -> Campaign:
    campaign = Campaign(ME, sources(number), out=out, service=service_of(sim), **options)
    campaign.run()
    return campaign


def job_in(file: Path) -> str:
    with tarfile.open(file) as opened:
        return opened.getnames()[0].removeprefix("USERPROD_").removesuffix("/psf.log")


# ---- files of others -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [0, 200])
def test_a_product_of_an_earlier_campaign_is_kept_beside_the_new_one(sim, tmp_path, days):
    run(sim, tmp_path)
    (tmp_path / "campaign.jsonl").unlink()
    sim.clock.advance(days * DAY)
    summary = run(sim, tmp_path).summary()
    folder = tmp_path / "Source_0"
    assert (job_in(folder / "psf.tar.gz"), job_in(folder / "psf.old-1.tar.gz")) == ("2", "1")
    assert summary.kept == [str(folder / "psf.old-1.tar.gz")]
    assert "psf.old-1.tar.gz stood where a product is saved: it was moved aside" in str(summary)
    assert summary.done == 1


def test_two_campaigns_in_one_folder_each_report_their_own_products(sim, tmp_path):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    run(sim, tmp_path, state=first)
    run(sim, tmp_path, state=second)
    for state, job in ((first, "1"), (second, "2")):
        campaign = run(sim, tmp_path, state=state)
        (saved,) = campaign.ledger.entries["Source_0"].saved.values()
        assert (str(saved.job_id), job_in(Path(saved.path))) == (job, job)
        assert saved.digest == files.digest(Path(saved.path))
    assert sim.report()["jobs"]["submitted"] == 2


def test_a_product_that_another_program_replaced_is_not_reported_as_saved(sim, tmp_path):
    run(sim, tmp_path)
    (tmp_path / "Source_0" / "psf.tar.gz").write_bytes(archive("tar.gz", other=b"x"))
    summary = run(sim, tmp_path).summary()
    assert (summary.products, summary.given_up) == (0, 1)
    assert "is not the product of job 1 any more" in summary.reasons["Source_0"]


def test_a_product_that_its_owner_took_away_counts_as_saved(sim, tmp_path):
    run(sim, tmp_path)
    shutil.rmtree(tmp_path / "Source_0")
    assert run(sim, tmp_path).summary().products == 1
    assert not (tmp_path / "Source_0").exists()


@pytest.mark.parametrize("stands", ["file", "folder", "link"])
def test_whatever_stands_where_a_product_is_saved_is_moved_aside(sim, tmp_path, stands):
    place = tmp_path / "Source_0" / "psf.tar.gz"
    place.parent.mkdir()
    match stands:
        case "file":
            place.write_text("mine")
        case "folder":
            place.mkdir()
        case "link":
            place.symlink_to(tmp_path / "nowhere")
    assert run(sim, tmp_path).summary().done == 1
    assert job_in(place) == "1"
    assert os.path.lexists(place.with_name("psf.old-1.tar.gz"))
    assert not (tmp_path / "nowhere").exists()


def test_unpacked_files_of_others_are_kept_beside_the_new_ones(sim, tmp_path):
    mine = tmp_path / "Source_0" / "USERPROD_1" / "psf.log"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    summary = run(sim, tmp_path, extract=True).summary()
    assert mine.read_text() == "done"
    assert mine.with_name("psf.old-1.log").read_text() == "mine"
    assert summary.kept == [str(mine.with_name("psf.old-1.log"))]


@pytest.mark.parametrize("content", [b"one line without an end", b"\0" * 100, b'{"x": 1}'])
def test_a_file_without_lines_is_not_emptied_to_be_a_ledger(tmp_path, content):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(RequestInvalid, match="not the ledger"):
        Ledger(tmp_path / "a.jsonl", ME)
    assert (tmp_path / "a.jsonl").read_bytes() == content


# ---- local errors ----------------------------------------------------------------------------------------------


class Disk:
    """Fails a number of times with an error, from the n-th opportunity on."""

    def __init__(self, code: int, at: int, times: int) -> None:
        self.code, self.at, self.left = code, at, times

    def step(self) -> None:
        """Count an opportunity, and fail if it is time."""
        self.at -= 1
        if self.at < 0 < self.left:
            self.left -= 1
            raise OSError(self.code, os.strerror(self.code))


@pytest.fixture
def fragile(monkeypatch):
    """Return a function that lets one kind of write fail."""

    def make(place: str, disk: Disk) -> None:
        class File(io.FileIO):
            def write(self, data: Any) -> int:
                try:
                    disk.step()
                except OSError:
                    super().write(data[: len(data) // 2])
                    raise
                return super().write(data)

        def before(owner: Any, name: str) -> None:
            original = getattr(owner, name)

            def failing(*args: Any, **options: Any) -> Any:
                disk.step()
                return original(*args, **options)

            monkeypatch.setattr(owner, name, failing)

        match place:
            case "a line of the ledger":
                monkeypatch.setattr(ledger, "FileIO", File)
            case "the folder":
                before(Path, "mkdir")
            case "the body":
                before(retrieve, "_fetch")
            case "the name":
                before(files, "_rename")
            case "the unpacked files":
                before(files, "_unpack")

    return make


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("place", ["a line of the ledger", "the folder", "the body", "the name", "the unpacked files"])
def test_a_local_error_stops_the_run_with_a_sentence_and_running_again_goes_on(sim, tmp_path, fragile, place, code):
    times = 6  # three failures of a download used to be final
    fragile(place, Disk(code, 1, times))
    for _ in range(times):
        with pytest.raises(LocalFailure, match=f"{os.strerror(code)}; .*, then try again"):
            run(sim, tmp_path, number=2, extract=True)
    summary = run(sim, tmp_path, number=2, extract=True).summary()
    assert (summary.done, summary.jobs, summary.products, summary.given_up) == (2, 2, 2, 0)
    assert sim.report()["jobs"]["submitted"] == 2
    assert not list(tmp_path.rglob("*.part"))


def test_the_same_object_can_be_run_again_after_a_local_error(sim, tmp_path, fragile):
    fragile("the body", Disk(errno.ENOSPC, 0, 1))
    campaign = Campaign(ME, sources(1), out=tmp_path, service=service_of(sim))
    with pytest.raises(LocalFailure, match="make room"):
        campaign.run()
    assert campaign.run().done == 1


def test_a_ledger_that_is_removed_during_a_run_stops_it(sim, tmp_path):
    def remove(event: Event) -> None:
        if event.kind == "saved":
            shutil.rmtree(tmp_path)

    campaign = Campaign(ME, sources(2), out=tmp_path, service=service_of(sim), max_active=1, on_event=remove)
    with pytest.raises(LocalFailure, match="No such file"):
        campaign.run()


# ---- answers that cannot be used -------------------------------------------------------------------------------


class Garbled(Service):
    """Service whose answers about the status of one job are malformed, for some time."""

    spoilt_until = 0.0

    def post(self, operation: str, document: Any, **options: Any) -> Any:
        answer = super().post(operation, document, **options)
        bad = operation == "checkProductStatus.php" and str(document["JobID"]) == "1" and self.now() < self.spoilt_until
        return {**answer, "psf": {"statusCode": "x"}} if bad else answer


def test_malformed_answers_about_one_job_do_not_keep_the_others_from_their_end(sim, tmp_path):
    service = Garbled(sleep=sim.clock.sleep, now=sim.clock.now)
    service.spoilt_until = sim.clock.now() + 5 * DAY
    campaign = Campaign(ME, sources(4), out=tmp_path, max_active=2, service=service)
    summary = campaign.run()
    done = {event.key: event.at for event in campaign.ledger.events if event.kind == "done"}
    assert max(at for key, at in done.items() if key != "Source_0") < sim.clock.now() - DAY
    assert (summary.done, summary.jobs) == (4, 5), "it did not end for two days, and was requested again"


def test_files_that_are_out_of_reach_for_hours_are_fetched_in_the_end(sim, tmp_path):
    sim.controls.plan_fault({"kind": "status", "status": 503, "operation": "downloadProduct", "times": 60})
    summary = run(sim, tmp_path).summary()
    assert (summary.done, summary.products) == (1, 1)


def test_what_the_ledger_notes_of_a_saved_product_is_job_digest_and_path(sim, tmp_path):
    run(sim, tmp_path)
    events = [json.loads(line) for line in (tmp_path / "campaign.jsonl").read_text().splitlines()[1:]]
    ((_, _, key, detail),) = [event for event in events if event[1] == "saved"]
    path = tmp_path / "Source_0" / "psf.tar.gz"
    assert (key, detail) == (
        "Source_0",
        {"product": "psf", "job_id": "1", "digest": files.digest(path), "path": str(path)},
    )


def test_a_job_about_which_the_service_refuses_to_say_anything_is_given_up_when_patience_ends(sim, tmp_path):
    class Silent(Service):
        def post(self, operation: str, document: Any, **options: Any) -> Any:
            if operation == "checkProductStatus.php":
                raise ServiceRejected(operation, "Job 1 does not exist")
            return super().post(operation, document, **options)

    service = Silent(sleep=sim.clock.sleep, now=sim.clock.now)
    campaign = Campaign(ME, sources(1), out=tmp_path, service=service, pace=Pace(patience_s=3600.0))
    began = sim.clock.now()
    summary = campaign.run()
    assert (summary.given_up, list(summary.reasons)) == (1, ["Source_0"])
    assert "Job 1 does not exist" in summary.reasons["Source_0"]
    assert 3600 <= sim.clock.now() - began < 4800


def test_an_answer_about_the_list_of_jobs_that_cannot_be_read_is_asked_for_again(sim, tmp_path):
    class Unread(Service):
        left = 1

        def post(self, operation: str, document: Any, **options: Any) -> Any:
            answer = super().post(operation, document, **options)
            if operation == "getNumJobs.php" and self.left:
                self.left -= 1
                return {**answer, "numJobs": "many"}
            return answer

    service = Unread(sleep=sim.clock.sleep, now=sim.clock.now)
    began = sim.clock.now()
    assert Campaign(ME, sources(1), out=tmp_path, service=service).run().done == 1
    first = sim.journal.where(operation="run_userobject")[0].at
    assert first - began >= Pace().longest_poll_s


# ---- the ledger ------------------------------------------------------------------------------------------------


def test_a_submission_of_which_no_answer_came_is_not_made_twice(sim, tmp_path):
    campaign = Campaign(ME, sources(1), out=tmp_path, service=service_of(sim))
    campaign.ledger.add(Event(sim.clock.now(), "submitting", "Source_0", {"after": 0}))
    campaign.ledger.close()
    request = sources(1)[0].getJSONDict()
    assert XRTProductRequest(ME, JSONVals=request, service=service_of(sim)).submit()  # the call whose answer was lost
    summary = run(sim, tmp_path).summary()
    assert (summary.done, summary.jobs) == (1, 1)
    assert sim.report()["jobs"]["submitted"] == 1


def test_a_source_that_was_about_to_be_submitted_is_submitted_now(sim, tmp_path):
    campaign = Campaign(ME, sources(1), out=tmp_path, service=service_of(sim))
    campaign.ledger.add(Event(sim.clock.now(), "submitting", "Source_0", {"after": 0}))
    campaign.ledger.close()
    assert run(sim, tmp_path).summary().jobs == 1


def test_a_ledger_that_was_closed_takes_no_events_and_may_be_closed_again(tmp_path):
    mine = Ledger(tmp_path / "a.jsonl", ME)
    mine.close()
    mine.close()
    with pytest.raises(LocalFailure, match="the ledger is closed"):
        mine.add(Event(0.0, "planned", "a", {"document": {}}))
    assert mine.events == []


def test_an_event_that_is_only_noted_changes_no_state(tmp_path):
    mine = Ledger(tmp_path / "a.jsonl", ME)
    mine.add(Event(0.0, "planned", "a", {"document": {}}))
    mine.add(Event(1.0, "kept", "a", {"product": "lc", "path": "b"}))
    mine.close()
    assert [event.kind for event in mine.events] == ["planned", "kept"]
    assert [entry.key for entry in mine.at_stage(ledger.WAITING)] == ["a"]


def test_a_system_without_locks_can_run_a_campaign(tmp_path, monkeypatch):
    """On Windows nothing prevents a second run."""
    monkeypatch.setattr(ledger, "fcntl", None)
    one, other = (Ledger(tmp_path / "a.jsonl", ME) for _ in range(2))
    assert one.entries == other.entries == {}
    one.close()
    other.close()


@pytest.mark.parametrize(("before", "stage"), [(["saved"], ledger.WAITING), (["saved", "done"], ledger.GIVEN_UP)])
def test_a_source_whose_product_was_replaced_is_given_up_only_if_it_was_done(tmp_path, before, stage):
    details: dict[str, Any] = {
        "saved": {"job_id": 1, "digest": "0", "path": "b"},
        "done": {},
        "displaced": {"reason": "replaced"},
    }
    mine = Ledger(tmp_path / "a.jsonl", ME)
    mine.add(Event(0.0, "planned", "a", {"document": {}}))
    for kind in (*before, "displaced"):
        mine.add(Event(1.0, kind, "a", {"product": "lc", **details[kind]}))
    mine.close()
    entry = mine.entries["a"]
    assert (entry.stage, entry.saved, entry.unsaved) == (stage, {}, {"lc": "replaced"})
