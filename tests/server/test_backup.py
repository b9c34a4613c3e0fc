"""A copy of a running simulator's database, from which another server goes on."""

import pytest
from click.testing import CliRunner

from mock_server import MockServer, Simulator
from mock_server.cli.commands import main

from .conftest import IMAGE, ME


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_server_goes_on_from_a_backup_of_a_running_one(tmp_path, in_memory):
    copy = tmp_path / "copy.sqlite"
    db = "sqlite://" if in_memory else f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with MockServer("busy-week", seed=7, db=db) as server:
        client = server.simulator.app.test_client()
        assert client.post("/user_objects/run_userobject.php", json=IMAGE).get_json(force=True)["OK"]
        server.simulator.clock.advance(60)
        client.post("/user_objects/getNumJobs.php", json={"UserID": ME})
        done = CliRunner().invoke(main, ["ctl", "--url", server.url, "backup", str(copy)])
        assert done.exit_code == 0, done.output
        before = server.simulator.controls.save()
        client.post("/user_objects/run_userobject.php", json=IMAGE)
    with Simulator(db=f"sqlite:///{copy}") as sim:
        assert (sim.scenario.name, sim.scenario.seed, sim.clock.now()) == ("busy-week", 7, before["now"])
        assert [job.job_id for job in sim.controls.jobs()] == [1]
        assert [entry.operation for entry in sim.journal] == ["run_userobject", "getNumJobs"]
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name and "-" not in path.name] == [copy.name]


def test_a_backup_that_cannot_be_written_is_an_error_with_a_reason(tmp_path):
    copy = tmp_path / "missing" / "copy.sqlite"
    with MockServer() as server:
        done = CliRunner().invoke(main, ["ctl", "--url", server.url, "backup", str(copy)])
    assert done.exit_code == 1
    assert f"cannot write {copy}: No such file or directory; choose another FILE" in done.output


def test_a_backup_that_is_refused_leaves_the_old_one(tmp_path):
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(b"old")
    with MockServer(token="secret") as server:
        done = CliRunner().invoke(main, ["ctl", "--url", server.url, "backup", str(copy)])
        assert (done.exit_code, copy.read_bytes()) == (1, b"old")
        assert "token" in done.output
