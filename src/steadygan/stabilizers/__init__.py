"""What keeps the game steady: one method a file, one row each in STABILIZERS."""

from steadygan.parts import Table
from steadygan.stabilizers.auxiliary_classifier import AuxiliaryClassifier
from steadygan.stabilizers.base import Stabilizer
from steadygan.stabilizers.gradient_penalty import R1, R2, Dragan, GradientPenalty
from steadygan.stabilizers.instance_noise import InstanceNoise
from steadygan.stabilizers.orthogonality import Orthogonality
from steadygan.stabilizers.spectral_norm import SpectralNormalization
from steadygan.stabilizers.weight_clipping import WeightClipping

STABILIZERS: Table[Stabilizer] = Table(
    "stabilizer",
    Stabilizer,
    {
        "spectral_norm": SpectralNormalization,
        "r1": R1,
        "r2": R2,
        "wgan_gp": GradientPenalty,
        "dragan": Dragan,
        "weight_clipping": WeightClipping,
        "orthogonal": Orthogonality,
        "instance_noise": InstanceNoise,
        "auxiliary_classifier": AuxiliaryClassifier,
    },
)

__all__ = [
    "R1",
    "R2",
    "STABILIZERS",
    "AuxiliaryClassifier",
    "Dragan",
    "GradientPenalty",
    "InstanceNoise",
    "Orthogonality",
    "SpectralNormalization",
    "Stabilizer",
    "WeightClipping",
]
