"""For each lint of the networks a setup that it speaks of, and near misses."""

from lint_setups import (
    Own,
    by_mode,
    chain,
    decayed,
    images,
    judge,
    momentum,
    normalized,
    painter,
    points,
    setup,
    swapped,
    viewer,
)
from torch import nn

# lint -> (a setup that it speaks of, setups that it is silent about)
NETWORK_CASES = {
    "batch_norm_in_discriminator": (
        setup(judge(nn.BatchNorm1d(16))),
        [setup(judge(nn.LayerNorm(16))), setup(generator=chain(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)))],
    ),
    "instance_norm_under_spectral_norm": (
        setup(normalized(viewer(nn.InstanceNorm2d(4)), 2.0), painter(nn.Tanh()), images()),
        [setup(viewer(nn.InstanceNorm2d(4)), painter(nn.Tanh()), images())],
    ),
    "dropout_under_spectral_norm": (
        setup(normalized(judge(nn.Dropout(0.5)), 2.0)),
        [setup(normalized(judge(nn.Dropout(0.0)), 2.0)), setup(judge(nn.Dropout(0.5)))],
    ),
    "weight_decay_under_spectral_norm": (decayed(weight=0.1, bias=0.0), [decayed(weight=0.0, bias=0.1)]),
    "wasserstein_loss_without_a_gain": (
        setup(normalized(judge()), loss="wasserstein"),
        [setup(normalized(judge()), loss="hinge"), setup(normalized(judge(), 2.0), loss="wasserstein")],
    ),
    "high_momentum": (momentum(0.9), [momentum(0.5), momentum(0.89)]),
    "uneven_transposed_convolution": (
        setup(generator=painter(nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1))),
        [
            setup(generator=painter(nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1))),
            setup(generator=painter(nn.ConvTranspose2d(1, 1, 3, padding=1))),
            setup(generator=painter(nn.Conv2d(1, 1, 3, stride=2))),
        ],
    ),
    "evaluation_mode": (
        setup(generator=swapped(chain(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)))),
        [setup(swapped(judge())), setup(generator=chain(nn.Linear(2, 8), swapped(nn.BatchNorm1d(8)), nn.Linear(8, 2)))],
    ),
    "starved_discriminator": (
        setup(normalized(judge()), real=points()),
        [
            setup(normalized(judge(), 2.0), real=points()),
            setup(normalized(judge()), real=points(10.0)),
            setup(normalized(judge(), mode="gain"), real=points()),
            setup(normalized(judge(), exclude=("body.2",)), real=points()),
            setup(judge(), real=points()),
        ],
    ),
    "output_range": (
        setup(viewer(), painter(nn.Tanh()), images(0, 255)),
        [
            setup(viewer(), painter(nn.Tanh()), images()),
            setup(viewer(), painter(nn.Sigmoid()), images(0, 1)),
            setup(viewer(), painter(nn.Tanh()), images(-1.04, 1.04)),
            setup(viewer(), painter(nn.Tanh(), gain=255.0), images(0, 255)),
        ],
    ),
    "logits_not_flat": (setup(judge(end=())), [setup(judge()), setup(chain(nn.Linear(2, 2)))]),
    "probabilities_for_logits": (
        setup(judge(end=(nn.Sigmoid(), nn.Flatten(0)))),
        [setup(judge(nn.Sigmoid())), setup(judge(end=(nn.Tanh(), nn.Flatten(0))))],
    ),
    "unsteady_logits": (
        setup(judge(nn.Dropout(0.5))),
        [
            setup(judge(nn.Dropout(0.001))),
            setup(judge(nn.BatchNorm1d(16))),
            setup(judge(swapped(nn.Dropout(0.5)))),
        ],
    ),
    "logits_change_with_mode": (
        setup(Own(by_mode, body=judge())),
        [
            setup(Own(lambda self, x: self.body(x) + 10, body=judge())),
            setup(Own(by_mode, body=judge(nn.BatchNorm1d(16)))),
            setup(Own(by_mode, body=judge(nn.Dropout(0.5)))),
        ],
    ),
}
