"""The worker's half of the protocol, with cells that need no torch, each time in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

PROGRAM = """
import os, sys, time, types
import steadygan.study.worker as worker

class Done:
    def model_dump(self, mode):
        return {"seen": sys.stdin.read()}

def play(task, tell, begun):
    stops = []
    begun(lambda: stops.append(True))
    if task == "prints":
        print("of python", flush=True), os.system("echo of a child; cat")
    elif task == "exits":
        raise SystemExit(0)
    elif task == "breaks":
        raise ValueError("no such thing")
    elif task == "tells":
        for step in range(3):
            tell(step)
            time.sleep(worker.BETWEEN * 0.7)
    elif task == "waits":
        tell(7)
        while not stops:
            time.sleep(0.01)
        return None
    elif task == "hangs":
        tell(1)
        time.sleep(1000)
    return Done()

worker.ORPHANED = 0.3
task = types.SimpleNamespace(of=str.strip)
sys.modules["steadygan.study.player"] = types.SimpleNamespace(Task=task, explained=repr)
sys.modules["steadygan.study.away"] = types.SimpleNamespace(play_anywhere=play)
worker.main()
"""


@pytest.fixture
def worker():
    """A worker: `say` gives it lines, `hear` is its next answer, `end` its exit code and what it logged."""

    class Worker:
        def __init__(self):
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            self.process = subprocess.Popen([sys.executable, "-c", PROGRAM], **pipes, text=True, bufsize=1)
            self.limit = threading.Timer(30, self.process.kill)  # so that what never answers is a failure
            self.limit.start()

        def say(self, *lines):
            self.process.stdin.write("".join(f"{line}\n" for line in lines))
            self.process.stdin.flush()

        def hear(self):
            return json.loads(self.process.stdout.readline())

        def end(self, close=True):
            if close:
                self.process.stdin.close()
            code = self.process.wait(20)
            rest, log = self.process.stdout.read(), self.process.stderr.read()
            assert rest == ""
            return code, log

    one = Worker()
    yield one
    one.limit.cancel()
    one.process.kill()
    one.process.wait()
    for pipe in (one.process.stdin, one.process.stdout, one.process.stderr):
        pipe.close()


def test_tasks_are_answered_one_after_the_other(worker):
    worker.say("one", "breaks", "two")
    assert [worker.hear() for _ in range(3)] == [
        {"result": {"seen": ""}},
        {"problem": "ValueError('no such thing')"},
        {"result": {"seen": ""}},
    ]
    assert worker.end() == (0, "")


def test_what_a_cell_prints_goes_to_the_log_and_it_reads_no_tasks(worker):
    worker.say("prints", "one")
    assert [worker.hear() for _ in range(2)] == [{"result": {"seen": ""}}] * 2
    assert worker.end() == (0, "of python\nof a child\n")


def test_a_cell_that_leaves_the_program_is_a_problem_and_the_next_one_is_played(worker):
    worker.say("exits", "one")
    assert worker.hear() == {"problem": "SystemExit(0)"}
    assert "result" in worker.hear()
    assert worker.end() == (0, "")


def test_steps_are_told_now_and_then(worker):
    worker.say("tells")
    assert [worker.hear() for _ in range(3)] == [{"step": 0}, {"step": 2}, {"result": {"seen": ""}}]


@pytest.mark.parametrize("how", ["a line", "the end of its input", "SIGTERM"])
@pytest.mark.parametrize("busy", [True, False])
def test_asked_to_stop_it_ends_after_the_step_at_hand(worker, how, busy):
    if busy:
        worker.say("waits")
        assert worker.hear() == {"step": 7}
    else:
        worker.say("one")
        worker.hear()
    if how == "a line":
        worker.say("stop", "one")
    elif how == "SIGTERM":
        os.kill(worker.process.pid, signal.SIGTERM)
    else:
        worker.process.stdin.close()
    if busy:
        assert worker.hear() == {"stopped": True}
    assert worker.end(close=False) == (0, "")


def test_ctrl_c_is_left_to_the_driver(worker):
    worker.say("waits")
    worker.hear()
    os.kill(worker.process.pid, signal.SIGINT)
    time.sleep(0.1)
    assert worker.process.poll() is None
    worker.say("stop")
    assert worker.hear() == {"stopped": True}


def test_whose_driver_is_gone_and_whose_cell_hangs_it_ends_all_the_same(worker):
    worker.say("hangs")
    assert worker.hear() == {"step": 1}
    assert worker.end() == (1, "")


def test_nobody_there_to_be_answered_is_no_fault(worker):
    worker.say("waits")
    worker.hear()
    worker.process.stdout.close()
    worker.say("stop")
    assert worker.process.wait(20) == 0
