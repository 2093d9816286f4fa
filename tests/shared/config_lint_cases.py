"""For each lint of the settings a fault, and near misses."""

import torch

from steadygan.config import Player
from steadygan.data.toy import Ring
from steadygan.losses import LeastSquares, Wasserstein
from steadygan.stabilizers import (
    R1,
    GradientNormalization,
    GradientPenalty,
    InstanceNoise,
    Orthogonality,
    SpectralNormalization,
    WeightClipping,
)
from steadygan.training.optimizers import Adam, AdamW


def with_rates(first, second):
    return {"discriminator": Player(optimizer=first), "generator": Player(optimizer=second)}


SN = SpectralNormalization(coefficient=2.0)
IMAGES = torch.zeros(600, 1, 8, 8, dtype=torch.uint8)
CLASSES = ("shirt", "shoe", "bag")
HELD = {"stabilizers": (SN,)}

# lint -> (settings and data that it speaks of, some that it is silent about)
CONFIG_CASES = {
    "unregularized_discriminator": (
        {"stabilizers": ()},
        [
            HELD,
            {"stabilizers": (R1(),)},
            {"stabilizers": (InstanceNoise(),)},
            {"stabilizers": (Orthogonality(on="both"),)},
            {"stabilizers": (), "discriminator": Player(optimizer=AdamW())},
            {"stabilizers": (), "loss": Wasserstein()},
        ],
    ),
    "wasserstein_without_lipschitz": (
        {"stabilizers": (InstanceNoise(), Orthogonality(on="discriminator")), "loss": Wasserstein()},
        [
            {"stabilizers": (InstanceNoise(),), "loss": LeastSquares()},
            *({"stabilizers": (each,), "loss": Wasserstein()} for each in (SN, WeightClipping(), R1(), GradientPenalty())),
        ],
    ),
    "tight_gradient_penalty": (
        {"stabilizers": (GradientPenalty(),)},
        [
            {"stabilizers": (GradientPenalty(weight=1.0),)},
            {"stabilizers": (GradientPenalty(target=4.0),)},
            {"stabilizers": (R1(),)},
            {"stabilizers": (GradientPenalty(),), "data": Ring(count=1000, radius=100.0, std=1.0)},
        ],
    ),
    "penalty_on_normalized_logits": (
        {"stabilizers": (GradientNormalization(), R1())},
        [{"stabilizers": (GradientNormalization(),)}, {"stabilizers": (SN, R1())}],
    ),
    "learning_rates_far_apart": (
        with_rates(Adam(learning_rate=1e-3), Adam(learning_rate=1e-4)),
        [
            with_rates(Adam(learning_rate=4e-4), Adam(learning_rate=1e-4)),
            with_rates(AdamW(learning_rate=1e-3), Adam(learning_rate=1e-4)),
        ],
    ),
    "small_batch": ({"batch_size": 7}, [{"batch_size": 8}]),
}
