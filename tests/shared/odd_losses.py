"""Losses with which a cell crashes, hangs, dies or dawdles, for the tests of studies."""

import os
import signal
import time
from pathlib import Path

from steadygan.losses import NonSaturating


class Broken(NonSaturating):
    """It raises."""

    def discriminator(self, real_logits, fake_logits):
        """Nothing."""
        raise ArithmeticError("no such loss – ever")


class Leaves(NonSaturating):
    """It ends the program in a way that is no error."""

    def discriminator(self, real_logits, fake_logits):
        """Nothing."""
        raise SystemExit(0)


class Hangs(NonSaturating):
    """It never comes back."""

    def generator(self, fake_logits, real_logits):
        """Nothing."""
        time.sleep(1000)


class Counted(NonSaturating):
    """It adds a letter to the file `calls` at each call, so that one can see how many steps were played in all."""

    calls: str

    def generator(self, fake_logits, real_logits):
        """As the non-saturating loss."""
        with open(self.calls, "a") as file:
            file.write("x")
        return super().generator(fake_logits, real_logits)


class Dies(Counted):
    """At call number 50 of the first session it kills its own process."""

    def generator(self, fake_logits, real_logits):
        """As the non-saturating loss."""
        loss = super().generator(fake_logits, real_logits)
        if Path(self.calls).stat().st_size == 50:
            os.kill(os.getpid(), signal.SIGKILL)
        return loss


class Dawdles(Counted):
    """Until the file `hurry` is there, each step takes 100 ms and more."""

    hurry: str

    def generator(self, fake_logits, real_logits):
        """As the non-saturating loss."""
        print("printed where answers go")
        if not Path(self.hurry).exists():
            time.sleep(0.1)
        return super().generator(fake_logits, real_logits)
