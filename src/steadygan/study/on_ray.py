"""OnRay: the same cells on a Ray cluster, or on a Ray of this machine alone. Needs `pip install 'steadygan[ray]'`.

Every machine of the cluster has this package, in the same version. A cell's directory is written by the machine that plays it:
on a shared disk, or at a URL, it goes on from its last checkpoint wherever it is tried again; on a disk that only one machine
sees it begins anew elsewhere, and its files stay there. Its result reaches the driver in any case.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from steadygan.errors import UsageError
from steadygan.study.cells import Cell
from steadygan.study.local import GRACE, Message, said
from steadygan.study.player import Task
from steadygan.study.ray_worker import RayWorker

ANSWERS = 30.0  # seconds for a cluster to answer
NEWS = 10.0  # seconds between two looks at how large the cluster is
TOLD = 300  # characters of what Ray says of a failure
THREADS = 3  # of a worker: see there
QUIET = {"log_to_driver": False, "logging_level": "CRITICAL"}
PROBE = f"""
import sys, ray
try:
    ray.init(sys.argv[1], **{QUIET})
except Exception as error:
    sys.exit(f"{{type(error).__name__}}: {{error}}")
"""


@dataclass
class Hand:
    """A Ray actor and the question that it was asked; it is `there` once it has a place in the cluster."""

    actor: Any
    gpus: float
    question: Any = None
    there: bool = False

    def ask(self) -> None:
        """Ask what there is to say."""
        self.question = self.actor.ask.remote()


class OnRay:
    """Cells on a Ray cluster, each on a processor of its own.

    A cell whose config asks for `cuda`, or for `auto` where the cluster has GPUs, gets one of those as well. Ray itself repeats
    nothing: the driver tries a cell once more. While a cell waits for a place in a busy cluster, its time does not run.

    Args:
        slots: cells at once; None for as many as the cluster has processors for, also when it grows.
        address: "auto" for the cluster that this machine is of, "HOST:PORT" or "ray://HOST:PORT" for another; None for what the
            variable RAY_ADDRESS says, and without it for a Ray of this machine alone, which ends with `close`.
        cpus: processors a cell; more than one for a cell that is a torchrun job.
        gpus: GPUs a cell that asks for one; 0.5 puts two cells on each.
        within: seconds for the address to answer.

    Raises:
        UsageError: Ray is not installed, or the address does not answer.
    """

    def __init__(
        self, slots: int | None = None, address: str | None = None, cpus: int = 1, gpus: float = 1.0, within: float = ANSWERS
    ) -> None:
        self.ray = imported()
        self.cpus, self.gpus, self._asked_for = cpus, gpus, slots
        self.began = begin(self.ray, address, slots and slots * cpus, within)
        self.playing: dict[Cell, Hand] = {}
        self.idle: list[Hand] = []
        self._class = self.ray.remote(RayWorker)
        self._last: list[Message] = []
        self._size: dict[str, float] = {}
        self._sized = -NEWS

    @property
    def slots(self) -> int:
        """As asked for, or as the cluster has processors now."""
        return self._asked_for or max(int(self._has("CPU") // self.cpus), 1)

    def gpus_for(self, task: Task) -> float:
        """The share of GPUs that a cell is given."""
        device = str(task.config.get("device", "auto"))
        wants = device.startswith("cuda") or (device == "auto" and self._has("GPU") >= self.gpus)
        return self.gpus if wants else 0.0

    def submit(self, task: Task) -> None:
        """Give a cell to an actor that is idle, or to a new one."""
        gpus = self.gpus_for(task)
        hand = next((each for each in self.idle if each.gpus == gpus), None)
        if hand is None:
            hand = self._new(gpus)
        else:
            self.idle.remove(hand)
        self.playing[task.cell] = hand
        hand.actor.play.remote(task.json())
        hand.ask()

    def wait(self, seconds: float) -> list[Message]:
        """Steps, results and losses, and who waits for a place."""
        found, self._last = self._last, []
        self._make_room()
        asked = {hand.question: cell for cell, hand in self.playing.items()}
        if not asked:
            time.sleep(0 if found else seconds)
            return found
        self.ray.wait([*asked], timeout=0 if found else seconds)  # returns upon the first answer,
        for question in self.ray.wait([*asked], num_returns=len(asked), timeout=0)[0]:  # which need not be the only one
            found += self._heard(asked[question])
        return found + [Message(cell, waits=True) for cell, hand in self.playing.items() if not hand.there]

    def kill(self, cell: Cell) -> None:
        """End the process that plays a cell."""
        if cell in self.playing:
            self.ray.kill(self.playing.pop(cell).actor)

    def stop(self) -> None:
        """Ask every actor to stop; those that have no place yet are not waited for."""
        for cell, hand in list(self.playing.items()):
            if hand.there:
                hand.actor.stop.remote()
            else:
                self.kill(cell)
                self._last.append(Message(cell, stopped=True))

    def close(self) -> None:
        """Let the actors go, those at play after a checkpoint, and the Ray that was begun for them."""
        deadline = time.monotonic() + GRACE
        try:
            self.stop()
            while self.playing and time.monotonic() < deadline:
                self.wait(1.0)
        finally:
            for hand in (*self.playing.values(), *self.idle):
                self.ray.kill(hand.actor)
            self.playing, self.idle = {}, []
            if self.began:
                self.ray.shutdown()

    def _new(self, gpus: float) -> Hand:
        options = {"num_cpus": self.cpus, "num_gpus": gpus, "max_restarts": 0, "max_concurrency": THREADS}
        return Hand(self._class.options(**options).remote(os.getcwd()), gpus)

    def _make_room(self) -> None:
        """Let the idle actors go where others wait for a place: they may hold the GPU or processor that those wait for."""
        if not all(hand.there for hand in self.playing.values()):
            for hand in self.idle:
                self.ray.kill(hand.actor)
            self.idle.clear()

    def _heard(self, cell: Cell) -> list[Message]:
        """What an actor has answered; it is asked again unless that was its last word on the cell."""
        hand = self.playing[cell]
        try:
            found = [said(cell, answer) for answer in self.ray.get(hand.question)]
        except self.ray.exceptions.RayError as error:
            self.kill(cell)
            return [Message(cell, problem=f"its Ray worker is lost: {' '.join(str(error).split())[:TOLD]}")]
        hand.there = True
        if all(message.step is not None for message in found):
            hand.ask()
        else:
            self.idle.append(self.playing.pop(cell))
        return found

    def _has(self, resource: str) -> float:
        if time.monotonic() - self._sized > NEWS:
            self._size, self._sized = self.ray.cluster_resources(), time.monotonic()
        return self._size.get(resource, 0.0)


def begin(ray: Any, address: str | None, slots: int | None, within: float) -> bool:
    """Connect to a cluster, or start one; False where this process has a Ray already, which is used and left as it is."""
    if ray.is_initialized():
        return False
    address = address or os.environ.get("RAY_ADDRESS")
    if address:
        probe(address, within)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        if address:
            ray.init(address, **QUIET)
        else:
            ray.init("local", num_cpus=slots, include_dashboard=False, **QUIET)
    except Exception as error:
        raise UsageError(f"ray: {told(error)}", "Ray's own logs say more") from None
    finally:
        with suppress(ValueError):  # not the main thread, and so not changed
            signal.signal(signal.SIGTERM, handler)  # Ray has put its own there
    return True


def probe(address: str, within: float) -> None:
    """Try an address in a process of its own: Ray tries a dead one for minutes, and writes of it to the terminal."""
    hint = "is it up, within reach, and does it want a token (then RAY_AUTH_MODE=token here)? or give none: this machine alone"
    try:
        done = subprocess.run([sys.executable, "-c", PROBE, address], capture_output=True, text=True, timeout=within)
    except subprocess.TimeoutExpired:
        raise UsageError(f"ray: {address!r} did not answer within {within:.0f} seconds", hint) from None
    if done.returncode:
        raise UsageError(f"ray: {address!r} cannot be used: {told(done.stderr)}", hint)


def imported() -> Any:
    """Ray, which is a large thing that most do without.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import ray
    except ImportError:
        raise UsageError("ray: it is not installed", "pip install 'steadygan[ray]'") from None
    return ray


def told(error: object) -> str:
    """The last line of what went wrong, in a few words."""
    return (str(error).strip().splitlines() or ["unknown"])[-1][:TOLD]
