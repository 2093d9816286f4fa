"""The expert's motion: its physics, its gaits, and that its truth finds real samples well and others not."""

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "doctor"))

from configurations import configurations
from expert import (
    CALM,
    DAMPING,
    FRAMES,
    GRAVITY,
    POSTURES,
    RATE,
    STIFFNESS,
    STRIDES,
    SUBSTEPS,
    Imitation,
    simulated,
    transitions,
)
from injections import INJECTIONS
from play import opened
from worlds import radius, spacing, world

from steadygan.card.truth import SERIES, judged

GAIT = torch.arange(8 * FRAMES) // FRAMES
STEPS = np.arange(50, 1050, 50)


@pytest.mark.parametrize(("gait", "stride", "posture"), [(0, 0, 0), (2, 0, 1), (4, 1, 0), (6, 1, 1)])
def test_a_joint_swings_as_its_transfer_function_says(gait, stride, posture):
    """Driven at z = exp(i omega h), a linearized joint answers h^2 z K / ((z - 1)^2 + h D (z - 1) + h^2 z (K + G cos q)).

    Of the pull of gravity, G (2 J_1(a) / a - 1) cos q is left over at the driving frequency for a swing a: at most G a^2 / 8,
    a four-hundredth of K. A joint answers 1.2 times what drives it at most: 0.3%, and 0.5% with what gravity moves the posture.
    """
    swing, swings = STRIDES[stride]
    h = 1 / (RATE * SUBSTEPS)
    z = np.exp(2j * math.pi * swings / (FRAMES * SUBSTEPS))
    pull = STIFFNESS + GRAVITY * math.cos(POSTURES[posture])
    answer = abs(h**2 * z * STIFFNESS / ((z - 1) ** 2 + h * DAMPING * (z - 1) + h**2 * z * pull))
    hip = simulated()[CALM * SUBSTEPS : -1, gait, 0].numpy()
    found = 2 * abs(np.fft.rfft(hip)[swings]) / len(hip)
    assert found == pytest.approx(swing * answer, rel=0.005)


def test_a_clip_closes_and_no_phase_comes_twice():
    motion = simulated()[CALM * SUBSTEPS :: SUBSTEPS]
    assert len(motion) == FRAMES + 1
    assert (motion[0] - motion[-1]).abs().max() < 1e-9  # 30 time constants: exp(-30) is 1e-13, times speeds of about 10
    for gait in range(8):
        rows = transitions()[gait == GAIT]
        assert torch.pdist(rows).min() > 0.04  # 127 phases, 2.8 degrees apart, of a loop of radius 1 and more


def test_rows_are_standardized_states_and_what_comes_next():
    rows = transitions()
    torch.testing.assert_close(rows.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(rows.std(0), torch.ones(8))
    clips = rows.reshape(8, FRAMES, 8)
    # the same place and scale for a state and the next one, but for rounding: over a closed clip both are the same frames
    torch.testing.assert_close(clips[:, 1:, :4], clips[:, :-1, 4:], atol=1e-5, rtol=0)


def test_a_sample_is_near_one_gait_at_most_as_far_as_its_noise_goes():
    """The distance to the nearest frame is at most that to its own, so that the radius holds 98.9% or more."""
    known = world("imitation")
    assert known.n_modes == 8
    data = known.unseen().examples
    seen = known.look(data)
    assert 0.984 < seen.good.double().mean() < 0.999  # three standard deviations of 4000 counts below; curves hold a bit more
    assert torch.equal(seen.good, seen.near)  # a quarter of the spacing is less than the radius
    assert radius(8) * 0.15 < spacing(transitions(), GAIT)
    random = torch.Generator().manual_seed(Imitation().seed + 1)
    gait = torch.randint(8 * FRAMES, (len(data),), generator=random) // FRAMES
    assert (seen.mode == gait).double().mean() > 0.99


def test_what_is_no_motion_of_the_expert_is_near_none():
    known = world("imitation")
    still = torch.zeros(1, 8)  # the mean of all
    backwards = transitions()[GAIT >= 4][:, [4, 5, 6, 7, 0, 1, 2, 3]]  # of the fast ones, from the next state to this
    assert not known.look(still).near.any()
    assert not known.look(2 * transitions()).good.any()
    assert not known.look(backwards).good.any()
    assert torch.equal(known.look(transitions()).mode, GAIT)


class Draws(torch.nn.Module):
    """Gives other samples each time."""

    def __init__(self, samples, n):
        super().__init__()
        self.batches, self.n = iter(samples.split(n)), n

    def forward(self, z, label=None):
        return next(self.batches)


def told_of(batches):
    """The truth of a run whose samples are these at each of its readings."""
    (one,) = configurations("imitation/ls_r1")
    match, witness, _ = opened(one, 0)
    match.state.networks = dataclasses.replace(match.state.networks, generator=Draws(batches, witness.world.n))
    seen = [witness.look(match.state)[0] for _ in STEPS]
    return judged(STEPS, {name: np.array([one[name] for one in seen]) for name in SERIES})


def test_real_against_real_is_stable():
    told = told_of(Imitation(seed=5, count=2500 * len(STEPS)).load().examples)
    assert (told.state, set(told.letters[1:])) == ("stable", {"H"})  # at the first reading there is none before


def test_one_gait_alone_is_a_collapse():
    rows = transitions()[GAIT == 3]
    told = told_of(rows[torch.arange(2500 * len(STEPS)) % FRAMES])
    assert (told.state, told.kind) == ("sick", "collapse")


def test_nothing_is_learnt_from_it():
    """The judge was fitted before it was there, so all of it is sealed."""
    every = configurations("imitation/*")
    assert {one.part for one in every} == {"sealed"}
    plain, done = ([one for one in every if bool(one.injection) is what] for what in (False, True))
    assert len(plain) >= 10
    assert {one.injection for one in done} >= {name for name, injection in INJECTIONS.items() if not injection.needs}
