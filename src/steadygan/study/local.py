"""Local: cells in worker processes of this machine."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from steadygan.study.cells import Cell
from steadygan.study.player import Task
from steadygan.study.result import Result
from steadygan.study.room import cards, dealt
from steadygan.study.worker import STOP

WORKER = (sys.executable, "-m", "steadygan.study.worker")
GRACE = 60.0  # seconds to reach a checkpoint after being asked to stop


@dataclass(frozen=True)
class Message:
    """What a backend says of a cell: its `step`, its `result`, that it `stopped` as asked, the `problem` that ended it, or that
    it `waits` for a place."""

    cell: Cell
    step: int | None = None
    result: Result | None = None
    stopped: bool = False
    problem: str = ""
    waits: bool = False


class Backend(Protocol):
    """Something that plays cells."""

    @property
    def slots(self) -> int:
        """How many it plays at once."""
        ...

    def submit(self, task: Task) -> None:
        """Begin a cell; there is a free slot."""
        ...

    def wait(self, seconds: float) -> Iterable[Message]:
        """What there is to say, after waiting for at most so long."""
        ...

    def kill(self, cell: Cell) -> None:
        """Break a cell off; nothing more is said of it."""
        ...

    def stop(self) -> None:
        """Ask all cells to end after the step at hand, with a checkpoint."""
        ...

    def close(self) -> None:
        """End everything that is left."""
        ...


class Process:
    """One worker process with the cell that it plays.

    Args:
        log: the file for what it prints.
        gpus: that it sees; none for whatever there is.
        slot: its number among those that are there at once.
    """

    def __init__(self, log: Path, gpus: Sequence[str] = (), slot: int = 0) -> None:
        self.slot = slot
        self.cell: Cell | None = None
        self.leaving = False  # it has stopped, and takes no more tasks
        self._rest = b""
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                WORKER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=environment_for(os.environ, gpus),
                start_new_session=True,  # Ctrl-C in a terminal reaches the driver alone
            )

    @property
    def reads(self) -> Any:
        """Where its answers come from."""
        return self.process.stdout

    def send(self, line: str) -> None:
        """One line to it; a worker that is gone is noticed where its answers are read."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            return

    def answers(self) -> list[dict[str, Any]] | None:
        """The lines that have come, or None where it is gone."""
        data = os.read(self.reads.fileno(), 1 << 20)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self) -> int:
        """Break it off, if it still runs; returns its exit code. The keeper of a program that it waits for ends that."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        return self.process.wait()


def environment_for(environment: Mapping[str, str], gpus: Sequence[str]) -> dict[str, str]:
    """The environment of a worker: one thread, and the GPUs that are its own, where there are any.

    >>> environment_for({"CUDA_VISIBLE_DEVICES": "4,5"}, ["5"])["CUDA_VISIBLE_DEVICES"]
    '5'
    """
    own = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
    return {**environment, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **own}


class Local:
    """Cells in `workers` processes, one thread each. A process that dies takes one cell with it, and is replaced.

    The GPUs of the machine are dealt out among them: each sees an equal share, which it has to itself unless there are too few.

    Args:
        workers: how many.
        logs: the folder for what they print.
    """

    def __init__(self, workers: int, logs: Path) -> None:
        self.workers, self.logs = workers, logs
        self.processes: list[Process] = []
        self._selector, self._number = selectors.DefaultSelector(), 0

    @property
    def slots(self) -> int:
        """One cell a process."""
        return self.workers

    def submit(self, task: Task) -> None:
        """Give a cell to a process that is idle, or to a new one."""
        idle = (each for each in self.processes if each.cell is None and not each.leaving)
        process = next(idle, None) or self._new()
        process.cell = task.cell
        process.send(task.json())

    def wait(self, seconds: float) -> list[Message]:
        """Steps, results and losses."""
        found: list[Message] = []
        for key, _ in self._selector.select(seconds):
            process: Process = key.data
            answers = process.answers()
            if answers is None:
                found += self._lost(process)
            elif process.cell is not None:
                found += [message_of(process, answer) for answer in answers]
        return found

    def kill(self, cell: Cell) -> None:
        """Kill the process that plays a cell."""
        for process in [each for each in self.processes if each.cell == cell]:
            self._forget(process)
            process.end()

    def stop(self) -> None:
        """Ask every process to stop."""
        for process in self.processes:
            process.send(STOP)

    def close(self) -> None:
        """Let the idle ones go, and kill what is still there a while later."""
        self.stop()
        deadline = time.monotonic() + GRACE
        try:
            while self.processes and time.monotonic() < deadline:
                self.wait(deadline - time.monotonic())  # what they still say is in the directories of their cells too
        finally:
            for process in list(self.processes):
                self._forget(process)
                process.end()
            self._selector.close()

    @cached_property
    def _cards(self) -> list[str]:
        return cards()

    def _new(self) -> Process:
        taken = {each.slot for each in self.processes if not each.leaving}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        gpus = dealt(self._cards, slot, self.workers)
        process = Process(self.logs / f"worker-{self._number}.txt", gpus, slot)
        self._number += 1
        self.processes.append(process)
        self._selector.register(process.reads, selectors.EVENT_READ, process)
        return process

    def _forget(self, process: Process) -> None:
        self._selector.unregister(process.reads)
        self.processes.remove(process)

    def _lost(self, process: Process) -> list[Message]:
        self._forget(process)
        code = process.end()
        return [Message(process.cell, problem=gone(code))] if process.cell is not None else []


def message_of(process: Process, answer: dict[str, Any]) -> Message:
    """What a worker said of its cell; it is idle afterwards unless that was a step."""
    assert process.cell is not None
    message = said(process.cell, answer)
    if message.step is None:
        process.cell, process.leaving = None, message.stopped
    return message


def said(cell: Cell, answer: dict[str, Any]) -> Message:
    """An answer of whatever plays a cell."""
    if "step" in answer:
        return Message(cell, step=answer["step"])
    if "result" in answer:
        return Message(cell, result=Result.model_validate(answer["result"]))
    return Message(cell, stopped="stopped" in answer, problem=answer.get("problem", ""))


def gone(code: int) -> str:
    """Why a process is no longer there, from its exit code."""
    return f"its process was killed by signal {-code}" if code < 0 else f"its process ended with code {code}"
