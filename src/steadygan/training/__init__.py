"""Training: the step, the loop that yields records, and what they need. Knows no config."""

from steadygan.training.ema import MovingAverage
from steadygan.training.loop import Record, State, train_steps
from steadygan.training.optimizers import Schedule
from steadygan.training.step import Method, discriminator_step, generator_step

__all__ = ["Method", "MovingAverage", "Record", "Schedule", "State", "discriminator_step", "generator_step", "train_steps"]
