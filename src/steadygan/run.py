"""One run in one directory: play, measure, judge, write. It is started and resumed by `launch.py`."""

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from steadygan.assembly import Game
from steadygan.custom import read_asked, write_config
from steadygan.diagnosis.base import Finding
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.judge import headline, judge
from steadygan.diagnosis.remedy import fitted
from steadygan.directory import RunDirectory, append, cut_back, newest, write_json
from steadygan.environment import memory_in_use
from steadygan.errors import SteadyganError
from steadygan.history import History
from steadygan.images import write_png
from steadygan.measuring import Gauge, Measurement
from steadygan.outcome import Outcome
from steadygan.report import write_report
from steadygan.rollback import Intervention, Interventions, returned, step_of, told
from steadygan.sampling import sheet_of
from steadygan.scoring import Scorer
from steadygan.status import status_line
from steadygan.tracking import Tracker
from steadygan.training.checkpoint import copy_checkpoint, read_notes, save, size_of
from steadygan.training.loop import Record, train_steps

GAUGE_N = 64


@dataclass(frozen=True)
class Event:
    """Something that happened in a run, for whoever shows it. `data` is a line of words, or a Finding."""

    kind: Literal["step", "reading", "score", "finding", "saved", "note"]
    step: int
    data: str | Finding = ""


class Run:
    """A run that is being played. Iterate over `play()`; call `stop()` to end it after the step at hand.

    Args:
        directory: where it writes; made already.
        game: what it plays with.
        notes: of the checkpoint it goes on from, or none.
    """

    def __init__(self, directory: RunDirectory, game: Game, notes: dict[str, Any] | None = None) -> None:
        notes = notes or {}
        self.directory, self.game, self.config = directory, game, game.config
        self.asked = read_asked(directory, game.config)
        self.interventions = Interventions.of(self.asked, notes.get("interventions", []))
        self.stopped_by: str | None = None
        self.seconds: float = notes.get("seconds", 0.0)
        self.best: dict[str, Any] | None = notes.get("best")
        self.findings: list[Finding] = [Finding.of(mapping) for mapping in notes.get("findings", [])]
        self.scorer = Scorer(self.config, game.dataset)
        self._take_up(game, notes)
        self.newest_score: dict[str, Any] | None = None
        self._stopping, self._clock = False, time.perf_counter()

    def _take_up(self, game: Game, notes: Mapping[str, Any]) -> None:
        """Make `game` the one that is played, from where it stands."""
        self.game, self.config = game, game.config
        self.history = History.read(self.directory.history)
        seen, memory = (game.stream, game.heldout, GAUGE_N), notes.get("memory")
        gauge = Gauge(self.config.monitoring.probes, *seen, memory, game.method.precision)
        settings = self.config.monitoring
        self.measurement = Measurement(gauge, game.state, settings.every, notes, settings.budget)
        self.tracker = Tracker(self.directory.tensorboard, game.state.step)
        self._seen, self._then = game.state.dealt * self.config.batch_size, self.seconds  # at the last reading

    def log(self, line: str) -> None:
        """Add a line to the run's log."""
        with self.directory.log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def stop(self) -> None:
        """End after the step at hand, with a checkpoint."""
        self._stopping = True

    @property
    def failed(self) -> bool:
        """Whether numbers are no longer finite: going on would teach nobody anything."""
        return any(finding.verdict == "NON-FINITE" for finding in self.findings)

    def play(self) -> Iterator[Event]:
        """Train to the config's last step; everything is written as it comes."""
        self._clock = time.perf_counter()
        while self.game.state.step < self.config.steps and not self._over:
            game = self.game
            for record in train_steps(game.state, game.stream, game.method, self.config.steps):
                self.measurement.add(record)
                yield Event("step", record.step)
                yield from self._act(record)
                if self._over or self.game is not game:  # the latter after a rollback
                    break
        yield from self._finish()

    @property
    def _over(self) -> bool:
        return self._stopping or self.failed or self.stopped_by is not None

    @property
    def checkpoint_size(self) -> int:
        """Bytes that one checkpoint takes, estimated."""
        return size_of(self.game.state)

    def outcome(self) -> Outcome:
        """How things stand."""
        state = self.game.state
        images = state.dealt * self.config.batch_size
        ended = self.failed or self.stopped_by is not None or state.step >= self.config.steps
        verdict, path, seconds = headline(self.findings, self.history), str(self.directory.path), round(self._elapsed(), 3)
        return Outcome(path, verdict, state.step, images, seconds, self.best, tuple(self.findings), not ended, self.stopped_by)

    def _act(self, record: Record) -> Iterator[Event]:
        """All that is due after this step."""
        config, step = self.config, record.step
        if step % config.monitoring.every == 0:
            game = self.game
            yield from self._read(record)
            if self.game is not game:
                return
        if step % config.monitoring.samples_every == 0 and step < config.steps:
            self._draw()
        if config.evaluation.every and step % config.evaluation.every == 0 and step < config.steps:
            yield from self._score()
        if step % config.checkpoints.every == 0 and not self.failed:
            yield self._save()

    def _read(self, record: Record) -> Iterator[Event]:
        """Measure, write, judge."""
        state = self.game.state
        reading = {"step": record.step, "images_seen": record.images_seen, **self.measurement.read(state)}
        for player, optimizer in zip(("discriminator", "generator"), state.optimizers, strict=True):
            reading[f"learning_rate/{player}"] = optimizer.param_groups[0]["lr"]
        seconds = self._elapsed()
        speed = (record.images_seen - self._seen) / max(seconds - self._then, 1e-9)
        self._seen, self._then = record.images_seen, seconds
        reading |= {"time/seconds": seconds, "speed/images_per_second": speed, "memory/bytes": memory_in_use()}
        self.history.append(reading)
        append(self.directory.history, reading)
        self.tracker.scalars(reading, record.step)
        if news := self.measurement.news():
            yield self._note(f"step {record.step}: {news}")
        course = Course(self.history)
        yield from self._judge(course)
        line = status_line(reading, self.config.steps, self.newest_score, headline(self.findings, course))
        self.log(line)
        yield Event("reading", record.step, line)
        yield from self._answer()

    def _judge(self, course: Course) -> Iterator[Event]:
        known = {(finding.rule, finding.severity) for finding in self.findings}
        found = [fitted(one, self.config.optimizer_settings) for one in judge(course, self.config.rules)]
        self.findings = self._with_checkpoint(found)
        for finding in self.findings:
            if (finding.rule, finding.severity) not in known:
                append(self.directory.findings, finding.as_dict())
                self.tracker.text("findings", f"{finding.verdict}: {finding.reason}", finding.step)
                self.log(f"{finding.verdict} at step {finding.step}: {finding.reason} {finding.advice}")
                yield Event("finding", finding.step, finding)

    def _with_checkpoint(self, findings: list[Finding]) -> list[Finding]:
        """The findings with the checkpoint to go back to; the disk is asked only where something is wrong."""
        if all(finding.severity == "info" for finding in findings) or (step := step_of(self.directory.checkpoint("safe"))) < 0:
            return findings
        place = f"checkpoints/safe (step {step:,})"
        return [one if one.severity == "info" else replace(one, go_back=place) for one in findings]

    def _answer(self) -> Iterator[Event]:
        """Do what the config asks for about the findings: nothing, stop, or go back and try a remedy."""
        asked = {finding: self.interventions.action(finding, self.config.on_finding) for finding in self.findings}
        bad = next((finding for finding, action in asked.items() if action == "rollback"), None)
        if settled := self.interventions.settle(self.game.state.step, bad is not None):
            yield self._record(settled)
        safe = self.directory.checkpoint("safe")
        while bad and (trial := self.interventions.next(bad, step_of(safe))):
            yield self._record(trial)
            try:
                self._go_back(trial.to)
                return
            except SteadyganError as error:
                yield Event("note", bad.step, f"{trial.cause}: cannot be tried: {error}")
                yield self._record(self.interventions.give_up(tried=False))
        if settled and settled.state == "reverted":
            yield self._note(f"nothing is left to try: back to step {step_of(safe):,}, and on as asked for")
            self._go_back(step_of(safe))
            return
        self.stopped_by = next((finding.verdict for finding, action in asked.items() if action == "stop"), None)

    def _record(self, one: Intervention) -> Event:
        """Write down what was tried, or what became of it."""
        append(self.directory.interventions, asdict(one))
        self.tracker.text("interventions", told(one), self.game.state.step)
        return self._note(told(one))

    def _note(self, words: str) -> Event:
        self.log(words)
        return Event("note", self.game.state.step, words)

    def _go_back(self, to: int) -> None:
        """Play on from `safe`, of step `to`, with what is to be tried; the readings since are kept in `abandoned.jsonl`."""
        game, notes = returned(self.game, self.interventions.config(self.asked), self.directory.checkpoint("safe"))
        for record in self.history:
            if record["step"] > to:
                append(self.directory.abandoned, record)
        for path in (self.directory.history, self.directory.metrics):
            cut_back(path, to)
        if not self.directory.config_asked.exists():
            self.directory.config_asked.write_text(self.directory.config.read_text(encoding="utf-8"), encoding="utf-8")
        write_config(self.directory, game.config)
        self.tracker.close()
        self.findings = []
        self._take_up(game, notes)
        self._write("last")

    def _draw(self) -> None:
        state = self.game.state
        step, sheet = state.step, sheet_of(state.average.generator, state.z_dim, self.game.dataset)
        write_png(self.directory.samples / f"{step:06d}.png", sheet)
        self.tracker.image("samples", sheet, step)

    def _score(self) -> Iterator[Event]:
        step = self.game.state.step
        try:
            scores = self.scorer.score(self.game.state)
        except SteadyganError as error:
            yield self._note(f"step {step}: not scored: {error}")
            return
        yield from (self._note(f"step {step}: not scored: {why}") for why in self.scorer.news(scores))
        append(self.directory.metrics, {"step": step, **scores.as_dict()})
        self.tracker.scalars({f"score/{name}": value for name, value in scores.values.items()}, step)
        name, value = next(iter(scores.values.items()))
        if self.scorer.better(value, self.best):
            self.best = {"step": step, "metric": name, "value": value}
            self._write("best")
        self.newest_score = {"main": name, name: value}
        line = f"step {step}: {'; '.join(scores.lines())}"
        self.log(line)
        yield Event("score", step, line)

    def _save(self) -> Event:
        """Write `last`. Where nothing is wrong or on probation the one before it, after which all went well, becomes `safe`."""
        last, safe, keep = *map(self.directory.checkpoint, ("last", "safe")), self.config.checkpoints.keep
        well = not any(finding.severity != "info" for finding in self.findings) and not self.interventions.on_probation
        if well and last.exists() and not any(finding["severity"] != "info" for finding in read_notes(last)["findings"]):
            copy_checkpoint(last, safe)
        self._write("last")
        if well and not safe.exists():
            copy_checkpoint(last, safe)
        if keep:
            copy_checkpoint(last, self.directory.checkpoint(f"step-{self.game.state.step:07d}"))
            for name in newest(path.name for path in self.directory.checkpoints.iterdir())[:-keep]:
                shutil.rmtree(self.directory.checkpoint(name))
        return Event("saved", self.game.state.step, str(last))

    def _write(self, name: str) -> None:
        choice = self.game.choice
        notes = {
            "seconds": self._elapsed(),
            "best": self.best,
            **self.measurement.notes(),
            "findings": [finding.as_dict() for finding in self.findings],
            "interventions": self.interventions.notes(),
            "precision": asdict(choice),
            "shape": list(self.game.dataset.shape),
            "class_names": list(self.game.dataset.class_names),
        }
        try:
            save(self.directory.checkpoint(name), self.game.state, notes)
        except OSError as error:
            path, size = self.directory.checkpoint(name), self.checkpoint_size / 2**20
            hint = f"it takes {size:.1f} MiB; make room and `steadygan resume {self.directory.path}`: the one before is whole"
            raise SteadyganError(f"{path}: could not be written ({error.strerror or error})", hint) from None

    def _finish(self) -> Iterator[Event]:
        if not self.failed:
            yield self._save()
        self._draw()
        at_the_end = self.game.state.step >= self.config.steps  # asked to stop this late, it is no less finished
        if (at_the_end or not self._stopping) and not self.failed:
            yield from self._score()
            self._write("last")  # once more: it must know of the best score that was just made
        self.tracker.close()
        outcome = self.outcome()
        summary = {key: value for key, value in asdict(outcome).items() if key != "path"}
        write_json(self.directory.outcome, summary)
        write_report(self.directory.path)

    def _elapsed(self) -> float:
        """Seconds of play, all sessions together."""
        now = time.perf_counter()
        self.seconds, self._clock = self.seconds + now - self._clock, now
        return self.seconds
