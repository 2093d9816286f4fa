"""Architectures: one in each file, generator and discriminator together."""

from steadygan.networks.base import Architecture, Conditioning, Norm, Spec
from steadygan.networks.dcgan import Dcgan
from steadygan.networks.mlp import Mlp
from steadygan.networks.resnet import Resnet
from steadygan.parts import Table

ARCHITECTURES: Table[Architecture] = Table("network", Architecture, {"mlp": Mlp, "dcgan": Dcgan, "resnet": Resnet})

__all__ = ["ARCHITECTURES", "Architecture", "Conditioning", "Dcgan", "Mlp", "Norm", "Resnet", "Spec"]
