import time

import torch

from steadygan.training.precision import FLOAT32, Precision, channels_last, choose, fastest

CPU = torch.device("cpu")


def burn(seconds):
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass


def test_what_is_clearly_faster_is_chosen_and_said():
    choice = choose(lambda dtype: burn(0.002 if dtype == "bfloat16" else 0.02), CPU, threads=1)
    assert choice.dtype == "bfloat16"
    assert "float32" in choice.reason


def test_a_tie_stays_in_float32():
    assert choose(lambda dtype: burn(0.005), CPU, threads=1).dtype == "float32"


def test_what_was_asked_for_is_not_timed():
    choice = choose(lambda dtype: burn(1e9), CPU, threads=1, fixed="bfloat16")
    assert choice.dtype == "bfloat16"


def test_autocast_acts_on_products():
    x = torch.randn(4, 4)
    with Precision("bfloat16").autocast(CPU):
        assert (x @ x).dtype == torch.bfloat16
    with FLOAT32.autocast(CPU):
        assert (x @ x).dtype == torch.float32


def test_channels_last_changes_the_layout_only():
    conv = torch.nn.Conv2d(3, 4, 3)
    before = conv.weight.detach().clone()
    channels_last(conv)
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(conv.weight, before)


def test_fastest_takes_the_least():
    spent = iter([0.03, 0.02, 0.001, 0.02, 0.02])
    assert fastest(lambda dtype: burn(next(spent)), "float32", time.process_time) < 0.01
