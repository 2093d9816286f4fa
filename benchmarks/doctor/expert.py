"""An expert's motion, simulated: what a critic sees that tells its state transitions from an agent's, as in GAIL and AMP."""

import math
from functools import cache
from itertools import product
from typing import Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from steadygan.data.toy import Mixture

FRAMES = 127  # of each clip; prime, so that no phase of a gait comes twice in it
RATE = 30.0  # frames a second, and so looks of the critic
SUBSTEPS = 4  # of the simulation in a frame
CALM = 90  # frames before the clips begin: three seconds are 30 time constants of a joint
STRIDES = ((0.9, 4), (0.5, 12))  # (swing in radians, swings in a clip): long and slow, short and fast, 1 Hz and 3 Hz
POSTURES = (0.2, 0.9)  # bend of both joints that the swing is around, in radians
WAYS = (-math.pi / 2, math.pi / 2)  # phase of the knee against the hip: backwards, forwards
STIFFNESS, DAMPING, GRAVITY = 400.0, 20.0, 10.0  # of the joints and of what drives them, in 1/s^2, 1/s, 1/s^2


class Imitation(Mixture):
    """State transitions of eight gaits of a leg with two joints, an expert's demonstrations: 8 standardized numbers a row.

    A row is the angles and the speeds of hip and knee, and the same a thirtieth of a second later: what the discriminator of
    AMP judges (Peng et al. 2021, arXiv:2104.02180), and that of GAIL but for the action (Ho & Ermon 2016, arXiv:1606.03476).
    It is a frame of a clip, all equally likely, seen by sensors with noise.
    """

    name: Literal["imitation"] = "imitation"
    std: PositiveFloat = 0.15  # of the sensors, in standard deviations of each number
    count: PositiveInt = 20_000

    @property
    def centers(self) -> Tensor:
        """Every frame of every clip without noise, clip by clip: float32 [8 * 127, 8]."""
        return transitions()


@cache
def transitions() -> Tensor:
    """(state, next state) at every frame of a clip of each gait, each number standardized: float32 [8 * 127, 8]."""
    motion = simulated()[CALM * SUBSTEPS :: SUBSTEPS]
    rows = torch.cat([motion[:-1], motion[1:]], 2).transpose(0, 1).flatten(0, 1)
    return ((rows - rows.mean(0)) / rows.std(0)).float()


def simulated() -> Tensor:
    """What a leg does that is driven to follow each gait: (angles, speeds) of its joints, float64 [steps, 8, 4].

    Each joint is a damped pendulum, pulled to where the gait wants it; steps are those of the semi-implicit Euler method.
    """
    gaits = torch.tensor([(*stride, *rest) for stride, *rest in product(STRIDES, POSTURES, WAYS)], dtype=torch.float64)
    swing, swings, posture, way = gaits.T[:, :, None]  # [8, 1] each
    lag = torch.cat([torch.zeros_like(way), way], 1)
    angle, speed = posture.repeat(1, 2), torch.zeros_like(lag)
    states, seconds = [], 1 / (RATE * SUBSTEPS)
    for step in range((CALM + FRAMES) * SUBSTEPS + 1):
        wanted = posture + swing * torch.sin(2 * math.pi * swings * step / (FRAMES * SUBSTEPS) + lag)
        speed = speed + seconds * (STIFFNESS * (wanted - angle) - DAMPING * speed - GRAVITY * angle.sin())
        angle = angle + seconds * speed
        states.append(torch.cat([angle, speed], 1))
    return torch.stack(states)
