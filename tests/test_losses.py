import math

import pytest
import torch
import torch.nn.functional as F

from steadygan.losses import Hinge, LeastSquares, Minimax, NonSaturating, RelativisticPairing, Wasserstein

REAL, FAKE = torch.tensor([2.0, -0.5, 0.25]), torch.tensor([-3.0, 0.5, 1.0])
ONES, ZEROS = torch.ones(3), torch.zeros(3)


def softplus(x: float) -> float:
    """log(1 + exp x), written out."""
    return math.log1p(math.exp(x))


def mean(*values: float) -> float:
    return sum(values) / len(values)


# Float32 sums of three terms near 1: 1e-6 is 8 units in the last place.
CLOSED_FORMS = [
    (
        NonSaturating(),
        mean(softplus(-2.0), softplus(0.5), softplus(-0.25)) + mean(softplus(-3.0), softplus(0.5), softplus(1.0)),
        mean(softplus(3.0), softplus(-0.5), softplus(-1.0)),
    ),
    (
        Minimax(),
        mean(softplus(-2.0), softplus(0.5), softplus(-0.25)) + mean(softplus(-3.0), softplus(0.5), softplus(1.0)),
        -mean(softplus(-3.0), softplus(0.5), softplus(1.0)),
    ),
    (Hinge(), mean(0, 1.5, 0.75) + mean(0, 1.5, 2.0), -mean(-3.0, 0.5, 1.0)),
    (Hinge(margin=0.5), mean(0, 1.0, 0.25) + mean(0, 1.0, 1.5), -mean(-3.0, 0.5, 1.0)),
    (Wasserstein(), mean(-3.0, 0.5, 1.0) - mean(2.0, -0.5, 0.25), -mean(-3.0, 0.5, 1.0)),
    (LeastSquares(), (mean(1, 2.25, 0.5625) + mean(9, 0.25, 1)) / 2, mean(16, 0.25, 0) / 2),
    (
        RelativisticPairing(),
        mean(softplus(-5.0), softplus(1.0), softplus(0.75)),
        mean(softplus(5.0), softplus(-1.0), softplus(-0.75)),
    ),
]


@pytest.mark.parametrize(("loss", "of_discriminator", "of_generator"), CLOSED_FORMS)
def test_closed_forms(loss, of_discriminator, of_generator):
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(of_discriminator, rel=1e-6)
    assert loss.generator(FAKE, REAL).item() == pytest.approx(of_generator, rel=1e-6)


def test_logistic_losses_are_the_cross_entropy():
    entropy = F.binary_cross_entropy_with_logits
    assert torch.allclose(NonSaturating().discriminator(REAL, FAKE), entropy(REAL, ONES) + entropy(FAKE, ZEROS), rtol=1e-6)
    assert torch.allclose(NonSaturating().generator(FAKE, REAL), entropy(FAKE, ONES), rtol=1e-6)
    assert torch.allclose(Minimax().generator(FAKE, REAL), -entropy(FAKE, ZEROS), rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "blind"),
    [(NonSaturating(), 2 * math.log(2)), (RelativisticPairing(), math.log(2)), (Hinge(), 2.0), (Wasserstein(), 0.0)],
)
def test_value_for_a_blind_discriminator(loss, blind):
    assert loss.discriminator(ZEROS, ZEROS).item() == pytest.approx(blind, rel=1e-6)


def test_minimax_is_flat_and_non_saturating_is_steep_where_the_discriminator_is_sure():
    fake = torch.tensor([-20.0], requires_grad=True)
    slopes = [torch.autograd.grad(loss.generator(fake, fake), fake)[0].item() for loss in (Minimax(), NonSaturating())]
    assert slopes == [pytest.approx(-math.exp(-20), rel=1e-6), pytest.approx(-1, abs=3e-9)]  # -sigmoid(x) and sigmoid(x) - 1


def test_hinge_has_no_gradient_beyond_its_margin():
    real, fake = torch.tensor([1.5, 0.5], requires_grad=True), torch.tensor([-1.5, -0.5], requires_grad=True)
    Hinge().discriminator(real, fake).backward()
    assert real.grad.tolist() == [0.0, -0.5]
    assert fake.grad.tolist() == [0.0, 0.5]


def test_relativistic_losses_see_differences_only():
    loss = RelativisticPairing()
    assert torch.equal(loss.discriminator(REAL + 8, FAKE + 8), loss.discriminator(REAL, FAKE))  # exact: 8 adds no rounding here
    assert loss.discriminator(REAL, FAKE.roll(1)) != loss.discriminator(REAL, FAKE)  # paired by position
