"""Whether an operation left each sample of a batch where it was."""

from torch import Tensor
from torch.utils._pytree import tree_leaves

from steadygan.spectral.following.call import Call


def samples_stay(call: Call) -> bool:
    """The first size of every tensor that comes out is the batch, and of a view its steps are those of the input."""
    return all(stays(call, each) for each in tree_leaves(call.out) if isinstance(each, Tensor))


def stays(call: Call, out: Tensor) -> bool:
    """The same for one tensor."""
    if out.dim() == 0 or out.shape[0] != call.batch:
        return False
    source = call.input
    if not isinstance(source, Tensor) or out.untyped_storage().data_ptr() != source.untyped_storage().data_ptr():
        return True
    return out.stride(0) == source.stride(0)
