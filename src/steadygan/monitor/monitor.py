"""Monitor: three lines that measure and judge a training loop which somebody else wrote."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.diagnosis.base import Finding
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.judge import judge
from steadygan.diagnosis.remedy import plainly
from steadygan.diagnosis.verdict import Verdict
from steadygan.environment import memory_in_use
from steadygan.errors import UsageError
from steadygan.game import Networks
from steadygan.history import History
from steadygan.monitor.account import Account
from steadygan.monitor.files import Files
from steadygan.monitor.reader import Reader
from steadygan.monitor.words import argument
from steadygan.monitor.wrapped import by_player, is_main_process, unwrapped

GRADIENT_READINGS = 5  # of the gradient norms in each window: their mean is known well enough, and small games are not slowed
SETTLED = 20  # readings after which the monitor's cost says something


class Monitor:
    """Watches a loop: one call of `step` for each step, and what it returns says whether the game is still well.

    It never changes training: it draws no random number of yours, switches no mode, moves no buffer, waits for no device but
    once in `every` steps, and a failure of its own becomes an `info` finding. It prints nothing.

    With `out` it writes `history.jsonl`, `findings.jsonl`, `outcome.json` and `environment.json`, which `steadygan report OUT`
    draws. A directory that a monitor wrote before is continued: counting goes on after its last reading, and `rewind` sets it
    back to the step of the checkpoint you start from. Of several processes only the first writes.

    >>> monitor = Monitor(nn.Linear(2, 2), nn.Linear(2, 1), every=1)
    >>> print(monitor.step(real_logits=torch.ones(8), fake_logits=-torch.ones(8)).word)
    WARMING-UP

    Args:
        generator, discriminator: the players, wrapped (compiled, distributed) or not; they are never called. Several networks
            of one player go into an `nn.ModuleList`.
        out: the directory to write to; None keeps all in memory.
        every: steps from one reading to the next, at least 1.
        budget: share of the loop's time that the monitor may take, above 0. Decompositions of the weights wait until they fit
            into it; nothing else ever waits.
        threshold: the logit between real and fake: 0 for logistic and hinge losses, 0.5 for least squares.
        optimizers: (the generator's, the discriminator's). They are only read: beta1 for `update_coherence`, which is left out
            without them, and the learning rates.

    Attributes:
        history: every reading so far.
        verdict: what `step` returned last.

    Raises:
        UsageError: a setting is out of range, or `out` is taken or cannot be written to.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        out: str | os.PathLike[str] | None = None,
        *,
        every: int = 50,
        budget: float = 0.02,
        threshold: float = 0.0,
        optimizers: Sequence[Optimizer] | None = None,
    ) -> None:
        if every < 1 or not budget > 0:
            raise UsageError(f"monitor: every must be at least 1 and budget above 0, got {every} and {budget}")
        networks = Networks(unwrapped("generator", generator), unwrapped("discriminator", discriminator))
        settings = {"every": every, "budget": budget, "threshold": threshold}
        self.every = every
        self._files = Files(Path(out), settings) if out is not None and is_main_process() else None
        self.history = self._files.history() if self._files else History()
        self._account = Account(budget)
        self._reader = Reader(networks, self._account, threshold, by_player(networks, optimizers))
        self._before = self.history.last("time/seconds") or 0.0  # seconds of earlier sessions
        self._readings = 0  # of this session
        self._go_back(int(self.history.last("step") or 0))

    @property
    def steps(self) -> int:
        """Calls of `step` so far, those of earlier sessions in `out` included."""
        return self._reader.step

    @property
    def cost(self) -> float:
        """The share of the loop's time that the monitor took so far in this session, in 0..1. Waiting for the device to finish
        what the loop asked of it is not counted: that is the loop's own work."""
        return self._account.share

    def step(
        self,
        *,
        real_logits: Tensor | None = None,
        fake_logits: Tensor | None = None,
        fake: Tensor | None = None,
        real: Tensor | None = None,
        held_out_logits: Tensor | None = None,
        averaged: Tensor | None = None,
        scalars: Mapping[str, Tensor | float] | None = None,
    ) -> Verdict:
        """Take in one step, after both optimizers; all is optional, and what is not given is not measured.

        The norms of the gradients are read from `.grad` as it stands. Where the generator's backward pass also fills the
        discriminator's, as in most loops, `grad_norm/discriminator` is of both together; give your own in `scalars`.

        Args:
            real_logits, fake_logits: the discriminator's raw output [B], [B, 1] or maps [B, 1, h, w], with or without graph.
            fake, real: what it saw [B, ...], in one range and shape; for diversity and for what of the data the fakes cover.
            held_out_logits: what it says of real examples that it never trains on; once a reading is enough.
            averaged: what an average of the generator makes of the same z as `fake`; once a reading is enough.
            scalars: further numbers by name, such as `loss/discriminator`, `loss/generator`, `penalty/r1`,
                `learning_rate/generator`; one under a measured name takes its place. Tensors are not waited for.

        Returns:
            The verdict, the same object from one reading to the next.

        Raises:
            UsageError: an argument is of the wrong type or shape, in the first call. Later ones are findings.
        """
        reader, scalars = self._reader, scalars or {}
        reader.step += 1
        left = -reader.step % self.every  # steps until the reading
        if left == 0:
            wait_for(reader.window.device)
        with self._account, torch.no_grad():
            self._images_seen += reader.take("real", real_logits, real, left)
            reader.take("fake", fake_logits, fake, left)
            reader.take("held_out", held_out_logits, None, left)
            reader.take_averaged(fake, averaged, left)
            reader.take_scalars(scalars)
            if left % max(self.every // GRADIENT_READINGS, 1) == 0:
                reader.take_gradients(scalars)
            reader.take_updates(left)
            if left == 0:
                reader.attempt("reading", self._read)
                reader.renew()
        reader.strict = False
        return self.verdict

    def rewind(self, step: int) -> None:
        """Go back to `step`, that of a checkpoint: drop the readings and findings after it, here and in `out`, and count on
        from there. A step ahead of the last reading drops nothing."""
        if step < 0:
            raise UsageError(f"monitor.rewind: step must be at least 0, got {step}")
        if self._files:
            self._files.cut_back(step)
        self.history = self.history.until(step)
        self._go_back(step)
        if self._files:
            self._files.put_down(self.verdict)

    def _go_back(self, step: int) -> None:
        self._reader.go_back(step)
        self._images_seen = int(self.history.last("images_seen") or 0)
        self.verdict = self._verdict(int(self.history.last("step") or 0))

    def _read(self) -> None:
        """Measure, judge, write."""
        reading: dict[str, float] = {"step": self.steps, **({"images_seen": self._images_seen} if self._images_seen else {})}
        reading |= self._reader.read()
        reading |= {"time/seconds": self._before + self._account.seconds, "memory/bytes": memory_in_use()}
        reading["cost/monitor"] = self.cost
        self.history.append(reading)
        self._readings += 1
        self._check_cost()
        self._judge(reading)

    def _check_cost(self) -> None:
        share, budget = self._account.cheap_share, self._account.budget
        if self._readings >= SETTLED and share > budget:
            reason = f"Watching takes {share:.1%} of the loop's time, without any spectrum: above the budget of {budget:.1%}."
            self._reader.note("cost", "MONITOR-COST", reason, "Raise `every` or `budget`; until then no spectrum is read.")

    def _judge(self, reading: Mapping[str, float]) -> None:
        known = {(finding.rule, finding.severity) for finding in self.verdict.findings}
        self.verdict = self._verdict(self.steps)
        try:
            self._write(reading, [item for item in self.verdict.findings if (item.rule, item.severity) not in known])
        except OSError as error:
            self._files = None
            reason = f"The readings could not be written ({error.strerror or error}): from here on they are in memory only."
            self._reader.note("files", "NOT-WRITTEN", reason, "Make room, then start again with the same `out`.")
            self.verdict = self._verdict(self.steps)

    def _verdict(self, step: int) -> Verdict:
        course = Course(self.history)
        findings = [plainly(finding) for finding in judge(course)]  # this loop has no config of ours
        return Verdict.of([*findings, *self._reader.notes.values()], course, step, argument)

    def _write(self, reading: Mapping[str, float], news: list[Finding]) -> None:
        if self._files:
            self._files.add(reading, news)
            self._files.put_down(self.verdict, self._account.seconds)


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was asked to do: what it still owes to training is not the monitor's time."""
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is not None and accelerator.type == device.type:
        torch.accelerator.synchronize(device)
