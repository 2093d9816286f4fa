"""A worker: a process that plays one cell after another. It reads tasks as lines of JSON and answers with lines of JSON.

    python -m steadygan.study.worker

What a line holds is told by its first key: `step` of the cell at hand, now and then; `result` of one that has ended; `stopped`
of one that was asked to; `problem` of one that broke. An end of its input, as when the driver is killed, stops it after the
step at hand, with a checkpoint; a cell that does not come to that end is broken off. Whatever else prints to standard output
goes to the log.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TextIO

BETWEEN = 0.5  # seconds between two steps told
ORPHANED = 120.0  # seconds to come to an end after the driver's
STOP = "stop"  # the line that asks for an end


class Seat:
    """Where one cell after another is played, in whatever process. It can be asked to stop from another thread.

    Args:
        say: given all that there is to say.
    """

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self.say = say
        self._stop: Callable[[], None] | None = None
        self._stopping, self._told = False, 0.0

    def stop(self) -> None:
        """End the cell at hand after its step, and every other one at once."""
        self._stopping, stop = True, self._stop
        if stop is not None:
            stop()

    def begun(self, stop: Callable[[], None]) -> None:
        """The cell at hand can be ended from here on."""
        self._stop = stop
        if self._stopping:
            stop()

    def tell(self, step: int) -> None:
        """Say how far the cell at hand is, if it was not just said."""
        if time.monotonic() - self._told > BETWEEN:
            self._told = time.monotonic()
            self.say({"step": step})

    def play(self, line: str) -> None:
        """Play the cell of a task, and say what became of it."""
        self.say(self._played(line))

    def _played(self, line: str) -> dict[str, Any]:
        from steadygan.study.away import play_anywhere
        from steadygan.study.player import Task, explained

        try:
            result = play_anywhere(Task.of(line), self.tell, self.begun)
        except (Exception, SystemExit) as error:  # the latter from somebody's own code
            return {"problem": explained(error)}
        finally:
            self._stop = None
        return {"stopped": True} if result is None else {"result": result.model_dump(mode="json")}


class Worker(Seat):
    """The loop of a worker.

    Args:
        tasks: lines come from here.
        answers: and go there.
    """

    def __init__(self, tasks: TextIO, answers: TextIO) -> None:
        super().__init__(self.answer)
        self.tasks, self.answers = tasks, answers
        self.queue: SimpleQueue[str | None] = SimpleQueue()

    def run(self) -> None:
        """Play until the input ends, or a line asks to stop."""
        threading.Thread(target=self._listen, daemon=True).start()
        while not self._stopping and (line := self.queue.get()) is not None:
            self.play(line)

    def stop(self) -> None:
        """End the cell at hand after its step, and the loop with it."""
        super().stop()
        self.queue.put(None)  # it may be waiting for a task

    def answer(self, said: dict[str, Any]) -> None:
        """One line to whoever handed out the task; nobody there is no fault."""
        try:
            self.answers.write(json.dumps(said) + "\n")
            self.answers.flush()
        except BrokenPipeError:
            self.stop()

    def _listen(self) -> None:
        for line in self.tasks:
            if line.strip() == STOP:
                break
            self.queue.put(line)
        self.stop()
        time.sleep(ORPHANED)  # nobody is left who would break a hanging cell off; as a daemon this ends with the rest
        os._exit(1)


def main() -> None:
    """Play what comes on standard input; Ctrl-C is the driver's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a print anywhere must not stand between the answers
    tasks = os.fdopen(os.dup(0), encoding="utf-8")  # and what a cell starts must not read them
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    worker = Worker(tasks, answers)
    signal.signal(signal.SIGTERM, lambda _number, _frame: worker.stop())
    worker.run()


if __name__ == "__main__":
    main()
