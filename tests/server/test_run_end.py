"""How a run ends."""

import os
import signal
import threading
from multiprocessing.connection import Client

import pytest

from mock_server.run.link_server import LinkServer
from mock_server.run.start import run
from mock_server.transport.wsgi_call import HOSTS
from tests.server.programs import alive, notes, program, wait_until


class TestTheEnd:
    @pytest.fixture(autouse=True)
    def heard(self):
        """In a shell's background Ctrl-C is ignored, and all programs started there inherit that."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_leaves_no_process_behind(self, tiny, tmp_path):
        pid_file = tmp_path / "pid"
        text = f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); import signal; signal.pause()"
        child = program(tmp_path, text, "child.py")
        text = f"""
            import select, subprocess
            subprocess.Popen({child!r})
            while not (os.path.exists({str(pid_file)!r}) and open({str(pid_file)!r}).read()):
                select.select([], [], [], 0.01)
            os._exit(0)
        """
        assert run(tiny, program(tmp_path, text)) == 0
        wait_until(lambda: not alive(int(pid_file.read_text())))

    def test_does_not_wait_for_a_stranger_on_the_link(self, tiny):
        server = LinkServer(tiny.app, tiny.clock, HOSTS)
        stranger = Client(server.address)  # without the key: it is waited for by the thread that accepts
        closing = threading.Thread(target=server.close, daemon=True)
        closing.start()
        closing.join(30)
        assert not closing.is_alive()
        stranger.close()

    def test_a_signal_is_passed_on(self, tiny, tmp_path):
        text = """
            import signal, select
            def stop(*_):
                call("asked to stop")
                sys.exit(5)
            signal.signal(signal.SIGTERM, stop)
            call("ready")
            note("ready")
            select.select([], [], [])
        """

        def stop() -> None:
            wait_until((tmp_path / "program.py.notes").exists)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=stop, daemon=True).start()
        assert run(tiny, program(tmp_path, text)) == 5
        assert tiny.calls == [(0, "ready"), (0, "asked to stop")]

    def test_ctrl_c_during_a_sleep_lets_the_program_clean_up(self, tiny, tmp_path):
        text = """
            import threading
            def hold():  # keeps time still: the watchdog lets a thread that computes go on
                compute(25)
            threading.Thread(target=hold, daemon=True).start()
            try:
                call("ready")
                time.sleep(3600)
            except KeyboardInterrupt:
                call("clean up")
                sys.exit(6)
        """

        def press() -> None:
            wait_until(lambda: bool(tiny.calls))
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=press, daemon=True).start()
        assert run(tiny, program(tmp_path, text)) == 6
        assert tiny.calls == [(0, "ready"), (0, "clean up")]

    def test_a_signal_that_the_kernel_gave_to_another_thread_ends_a_sleep_too(self, tiny, tmp_path):
        # So does one that comes just before the main thread blocks: nothing interrupts its wait either
        text = """
            import signal, threading
            def press():
                compute(0.3)
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)
                compute(25)
                os._exit(7)  # the signal was not seen
            threading.Thread(target=press, daemon=True).start()
            try:
                time.sleep(3600)
            except KeyboardInterrupt:
                sys.exit(6)
        """
        assert run(tiny, program(tmp_path, text)) == 6, "see mock_server/run/channel.py"

    def test_a_signal_during_a_sleep_reaches_the_event_loop_that_asked_for_it(self, tiny, tmp_path):
        text = """
            import asyncio, signal, threading
            def press():
                compute(0.3)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            async def main():
                called = asyncio.Event()
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, called.set)
                threading.Thread(target=press, daemon=True).start()
                time.sleep(60)  # blocks the loop, as careless programs do
                await asyncio.wait_for(called.wait(), 60)
                note("called")
            asyncio.run(main())
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert notes(tmp_path) == ["60 called"]
