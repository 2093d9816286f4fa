"""Two processes on a CPU: DistributedDataParallel is the joint batch in one process; fully_shard is refused in words.

The processes run this file; each check is a function of `rank` that asserts.
"""

import itertools
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from steadygan.errors import NetworkError
from steadygan.spectral import SpectralNorm, spectral_norm

pytestmark = pytest.mark.skipif(not (dist.is_available() and dist.is_gloo_available()), reason="needs the gloo backend")
BATCH = 8


def discriminator() -> nn.Sequential:
    torch.manual_seed(11)
    layers = nn.Conv2d(3, 6, 3), nn.Softplus(), nn.Conv2d(6, 4, 3, groups=2), nn.Softplus(), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(4, 8), nn.Softplus(), nn.Linear(8, 1))


def generator() -> nn.Sequential:
    torch.manual_seed(12)
    return nn.Sequential(nn.Linear(5, 75), nn.Unflatten(1, (3, 5, 5)))


def batch(seed: int, *shape: int) -> Tensor:
    return torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(seed))


def together(real: Tensor, fake: Tensor, call: Callable[[Tensor], Tensor]) -> None:
    """Two forward passes and one backward pass."""
    (call(real).square().mean() - call(fake).mean()).backward()


def in_turn(real: Tensor, fake: Tensor, call: Callable[[Tensor], Tensor]) -> None:
    """Two forward passes, each with its backward pass."""
    call(real).square().mean().backward()
    (-call(fake).mean()).backward()


def train(wrap: Callable[[nn.Module], nn.Module], rows: slice, how: Callable[..., None], automatic: bool) -> list[nn.Module]:
    """Five steps of a discriminator and its generator on some rows of each batch."""
    players = discriminator(), generator()
    norm = spectral_norm(players[0], automatic=automatic)
    calls = [wrap(player) for player in players]
    optimizers = [torch.optim.SGD(player.parameters(), 0.05) for player in players]
    for step in range(5):
        optimizers[0].zero_grad()
        how(batch(step, 3, 5, 5)[rows], calls[1](batch(50 + step, 5)[rows]).detach(), calls[0])
        optimizers[0].step()
        if not automatic:
            norm.refresh()
        optimizers[1].zero_grad()
        players[0].requires_grad_(False)
        players[0](calls[1](batch(90 + step, 5)[rows])).mean().neg().backward()
        players[0].requires_grad_(True)
        optimizers[1].step()
    return list(players)


def check_training(rank: int) -> None:
    """Parameters after five steps are those of the joint batch, and u and v are the same on both ranks to the last bit."""
    for how, broadcast, automatic in ((together, True, True), (in_turn, True, False), (in_turn, False, True)):
        wrap = partial(DistributedDataParallel, broadcast_buffers=broadcast)
        mine = train(wrap, slice(rank, None, 2), how, automatic)
        joint = train(lambda player: player, slice(None), how, automatic)
        for one, other in zip(mine, joint, strict=True):
            for parameter, expected in zip(one.parameters(), other.parameters(), strict=True):
                # rounding of 1e-7 may move u and v by one iteration more or less, which ends below residual 0.05
                assert torch.allclose(parameter, expected, atol=2e-3), (how, broadcast, automatic)
        for value in mine[0].state_dict().values():
            first = value.clone()
            dist.broadcast(first, 0)
            assert torch.equal(value, first)


def check_gradients(rank: int) -> None:
    """One step's gradients are those of the joint batch, to the order of its sums."""
    for how, broadcast in itertools.product((together, in_turn), (True, False)):
        found = []
        for wrap, rows in ((None, slice(None)), (DistributedDataParallel, slice(rank, None, 2))):
            net = discriminator()
            spectral_norm(net, automatic=False)  # DDP writes into the weights at its start, which is a reason to refresh
            call = net if wrap is None else wrap(net, broadcast_buffers=broadcast)
            how(batch(1, 3, 5, 5)[rows], batch(2, 3, 5, 5)[rows], call)
            found.append([parameter.grad for parameter in net.parameters()])
        for one, other in zip(*found, strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-6), (how, broadcast)


def check_unused(rank: int) -> None:
    """A head that one pass leaves out gets no wrong gradient, although all weights come out of one node."""

    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(3)
            self.body, self.heads = nn.Linear(4, 4), nn.ModuleList([nn.Linear(4, 1), nn.Linear(4, 1)])

        def forward(self, inputs: Tensor, head: int) -> Tensor:
            return self.heads[head](self.body(inputs).tanh())

    net, alone = TwoHeads(), TwoHeads()
    for one in (net, alone):
        spectral_norm(one, automatic=False)
    parallel = DistributedDataParallel(net, find_unused_parameters=True)
    for head in (0, 1, 0):
        net.zero_grad()
        alone.zero_grad()
        parallel(batch(head, 4)[rank::2], head).mean().backward()
        alone(batch(head, 4), head).mean().backward()
        for parameter, expected in zip(net.parameters(), alone.parameters(), strict=True):
            found = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            wanted = torch.zeros_like(parameter) if expected.grad is None else expected.grad
            assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-6)


def check_bent_rank(rank: int) -> None:
    """Networks from different seeds: DDP copies the first rank's weights, but no u and v without broadcast_buffers.

    The ranks' vectors then differ by what the last refresh left, and come together as both go on iterating on the same weights.
    """
    torch.manual_seed(rank)
    net = nn.Sequential(nn.Linear(4, 6), nn.Softplus(), nn.Linear(6, 1))
    spectral_norm(net)
    parallel = DistributedDataParallel(net, broadcast_buffers=False)
    for _ in range(8):
        parallel(batch(rank, 4)).mean().backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.sub_(0.1 * parameter.grad)
    parallel(batch(0, 4))
    for layer in SpectralNorm.of(net).layers.values():
        first = layer.weight.detach().clone()
        dist.broadcast(first, 0)
        assert torch.allclose(layer.weight, first, rtol=2e-3)  # residual 0.05 at most, which enters sigma squared


def check_fully_shard(rank: int) -> None:
    """FSDP2 keeps a part of each weight on each rank, under the name that reads as normalized: refused, with what to do."""
    for each in (True, False):
        net = discriminator()
        spectral_norm(net)
        with pytest.raises((NetworkError, RuntimeError), match=r"spectral norm: weight .* is sharded.*fully_shard"):
            shard_and_call(net, each)


def shard_and_call(net: nn.Sequential, each: bool) -> None:
    """The layers each by itself first, or only the network."""
    from torch.distributed.fsdp import fully_shard

    for layer in (net[0], net[5], net[7]) if each else ():
        fully_shard(layer)
    fully_shard(net)(batch(0, 3, 5, 5))


CHECKS = [check_training, check_gradients, check_unused, check_bent_rank, check_fully_shard]


def test_two_processes(tmp_path: Path):
    """All checks in one pair of processes: starting torch costs more than they do."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(tmp_path / "store")]
    processes = [
        subprocess.Popen([*command, str(rank)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for rank in range(2)
    ]
    deadline = time.monotonic() + 120
    try:
        outputs = [process.communicate(timeout=max(1.0, deadline - time.monotonic()))[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)


def main(store: str, rank: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    for check in CHECKS:
        check(rank)
        dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)  # from torch 2.13 on
    main(sys.argv[1], int(sys.argv[2]))
