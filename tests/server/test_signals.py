"""Signals under run: their handlers may wait and call, and what they interrupt goes on as long as it should."""

import signal

import pytest

from mock_server.run import watchdog
from mock_server.run.standstill import can_be_proven
from mock_server.run.start import run, running
from tests.server.programs import notes, program, wait_until

pytestmark = pytest.mark.skipif(not can_be_proven(), reason="the operating system does not say what threads sleep in")

SIGNALLED = """
import asyncio, queue, select, signal, socket, subprocess, threading
subprocess.Popen(["sh", "-c", f"sleep 10; kill -TERM {os.getpid()}"])
"""
WAITS = {
    "sleep": "time.sleep(100)",
    "lock": "lock = threading.Lock(); lock.acquire(); lock.acquire(timeout=100)",
    "queue": "try: queue.Queue().get(timeout=100)\nexcept queue.Empty: pass",
    "select": "one, other = socket.socketpair(); select.select([one], [], [], 100)",
    "child": "subprocess.run(['sleep', '100'])",
    "thread": "thread = threading.Thread(target=time.sleep, args=(100,)); thread.start(); thread.join()",
    "asyncio": "asyncio.run(asyncio.sleep(100))",
}
HANDLERS = {
    "sleep": ("time.sleep(5)", 15),
    "lock": ("lock = threading.Lock(); lock.acquire(); lock.acquire(timeout=5)", 15),
    "call": ("call('handler')", 10),
    "child": ("subprocess.run(['sleep', '5'])", 15),
}


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_interrupts_a_wait_for_as_long_as_it_takes(tiny, tmp_path, wait, handler):
    work, until = HANDLERS[handler]
    text = f"""
def handle(*_):
    note("in")
    {work}
    note("out")
signal.signal(signal.SIGTERM, handle)
{WAITS[wait]}
note("end")
"""
    assert run(tiny, program(tmp_path, SIGNALLED + text)) == 0
    assert notes(tmp_path) == ["10 in", f"{until} out", "100 end"]


def test_a_handler_that_only_works_counts_as_running(tiny, tmp_path):
    text = f"""
import signal
def handle(*_):
    open("{tmp_path}/working", "w").close()
    while not os.path.exists("{tmp_path}/enough"):
        pass
    note("out")
signal.signal(signal.SIGTERM, handle)
open("{tmp_path}/ready", "w").close()
time.sleep(100)
note("end")
"""
    tiny.clock.join((9,))  # it runs, so that time stands still: the program stays in its sleep
    with running(tiny, program(tmp_path, text)) as programs:
        wait_until((tmp_path / "ready").exists)
        wait_until(lambda: any(wait.blocked for wait in tiny.clock.waits().values()))
        programs._signal(signal.SIGTERM)
        wait_until((tmp_path / "working").exists)
        ran = [one for one in tiny.clock.running() if one != (9,)]
        tiny.clock.leave((9,))
        (tmp_path / "enough").touch()
        assert programs.wait() == 0
    assert len(ran) == 1
    assert notes(tmp_path) == ["0 out", "100 end"]


def test_an_error_of_a_handler_ends_the_wait_and_not_the_run(tiny, tmp_path):
    text = """
def handle(*_):
    raise TimeoutError("too long")
signal.signal(signal.SIGTERM, handle)
try:
    time.sleep(100)
except TimeoutError as error:
    note(error)
time.sleep(5)
note("end")
"""
    assert run(tiny, program(tmp_path, SIGNALLED + text)) == 0
    assert notes(tmp_path) == ["10 too long", "15 end"]


def test_an_event_loop_handles_a_signal_when_it_comes(tiny, tmp_path):
    text = """
async def main():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await asyncio.wait_for(stopped.wait(), 100)
    note("stopped")
asyncio.run(main())
"""
    assert run(tiny, program(tmp_path, SIGNALLED + text)) == 0
    assert notes(tmp_path) == ["10 stopped"]


def test_programs_see_the_handlers_that_they_have_set(tiny, tmp_path):
    text = """
def handle(*_):
    pass
assert signal.signal(signal.SIGTERM, handle) is signal.SIG_DFL
assert signal.getsignal(signal.SIGTERM) is handle
assert signal.signal(signal.SIGTERM, signal.SIG_IGN) is handle
signal.signal(signal.SIGINT, signal.default_int_handler)  # a program in the background may have begun without it
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
note("seen")
"""
    assert run(tiny, program(tmp_path, "import signal\n" + text)) == 0
    assert notes(tmp_path) == ["0 seen"]


def test_time_waits_until_a_shell_in_the_background_has_begun_to_sleep(tiny, tmp_path):
    text = f"""
import subprocess
child = subprocess.Popen(["sh", "-c", "sleep 10; touch {tmp_path}/made"])
while not os.path.exists("{tmp_path}/made"):
    time.sleep(1)
note("made")
child.wait()
"""
    assert run(tiny, program(tmp_path, text)) == 0
    assert notes(tmp_path) == ["10 made"]


def test_commands_of_a_shell_that_run_at_once_sleep_at_once(tiny, tmp_path):
    lines = " ".join(f"(sleep {seconds}; echo {seconds} >> {tmp_path}/said) &" for seconds in (10, 5, 7, 60, 1))
    assert run(tiny, ["sh", "-c", f"{lines} wait"]) == 0
    assert (tmp_path / "said").read_text().split() == ["1", "5", "7", "10", "60"]


def test_time_goes_on_without_a_process_that_sleeps_in_real_time(tiny, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(watchdog, "IDLE_S", 0.1)
    text = """
import shutil, subprocess
child = subprocess.Popen([shutil.which("sleep", path="/usr/bin:/bin"), "1000"])
for number in range(2000):
    time.sleep(60)
note("end")
child.kill()
child.wait()
"""
    assert run(tiny, program(tmp_path, text)) == 0
    assert notes(tmp_path) == ["120000 end"]
    assert "(sleep) takes no part in simulated time and sleeps in real time" in capfd.readouterr().err
