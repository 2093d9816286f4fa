"""Networks and optimizers as other libraries hand them over: compiled, distributed, sharded."""

from collections.abc import Iterable, Sequence

from torch import Tensor, distributed, nn
from torch.optim import Optimizer

from steadygan.errors import NetworkError, UsageError
from steadygan.game import Networks

WRAPPED = ("module", "_orig_mod")  # where DistributedDataParallel and its like, and torch.compile, keep what they wrap


def unwrapped(player: str, network: nn.Module) -> nn.Module:
    """The network inside its wrappers: a module without parameters of its own whose only child has a wrapper's name for it.

    >>> unwrapped("generator", nn.DataParallel(nn.Identity()))
    Identity()
    """
    if not isinstance(network, nn.Module):
        hint = "put several networks of one player into an nn.ModuleList"
        raise UsageError(f"monitor: the {player} must be a torch module, got a {type(network).__name__}", hint)
    children = dict(network.named_children())
    if len(children) == 1 and not network._parameters and (name := next(iter(children))) in WRAPPED:
        return unwrapped(player, children[name])
    return network


def by_player(networks: Networks, optimizers: Sequence[Optimizer] | None) -> dict[str, Optimizer]:
    """The optimizer of each player by its name, from the pair (the generator's, the discriminator's); none from None.

    Raises:
        UsageError: it is no such pair, or the other way round.
    """
    if optimizers is None:
        return {}
    hint = "give (the generator's, the discriminator's)"
    pair = tuple(optimizers) if isinstance(optimizers, Sequence) else ()
    if len(pair) != 2 or not all(hasattr(optimizer, "param_groups") for optimizer in pair):
        raise UsageError("monitor: optimizers must be two optimizers", hint)
    moved = {id(parameter) for group in pair[0].param_groups for parameter in group["params"]}
    of_generator, of_discriminator = ({id(each) for each in player.parameters()} for player in vars(networks).values())
    if moved & of_discriminator and not moved & of_generator:
        raise UsageError("monitor: the first of the optimizers is the discriminator's", hint)
    return dict(zip(vars(networks), pair, strict=True))


def refuse_sharded(tensors: Iterable[Tensor]) -> None:
    """Check that each weight or gradient is here as a whole: to read a sharded one, all processes would have to do it at once.

    Raises:
        NetworkError: one is sharded.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return
    from torch.distributed.tensor import DTensor

    if any(isinstance(tensor, DTensor) for tensor in tensors):
        raise NetworkError("the network is sharded over several processes", "give its gradient norm in `scalars`")


def is_main_process() -> bool:
    """Whether this process is the only one, or the first of several."""
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0
