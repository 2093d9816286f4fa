"""What keeps the game steady: one method a file, one row each in STABILIZERS."""

from steadygan.parts import Table
from steadygan.stabilizers.adversarial_training import AdversarialTraining
from steadygan.stabilizers.auxiliary_classifier import AuxiliaryClassifier
from steadygan.stabilizers.base import Stabilizer
from steadygan.stabilizers.consistency import Consistency
from steadygan.stabilizers.gradient_normalization import GradientNormalization
from steadygan.stabilizers.gradient_penalty import R1, R2, Dragan, GradientPenalty
from steadygan.stabilizers.instance_noise import InstanceNoise
from steadygan.stabilizers.lecam import LeCam
from steadygan.stabilizers.orthogonality import Orthogonality
from steadygan.stabilizers.spectral_norm import SpectralNormalization
from steadygan.stabilizers.spectral_regularization import SpectralRegularization
from steadygan.stabilizers.weight_clipping import WeightClipping
from steadygan.stabilizers.weight_norm import WeightNormalization

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
        "lecam": LeCam,
        "consistency": Consistency,
        "adversarial_training": AdversarialTraining,
        "spectral_regularization": SpectralRegularization,
        "gradient_normalization": GradientNormalization,
        "weight_norm": WeightNormalization,
    },
)

__all__ = [
    "R1",
    "R2",
    "STABILIZERS",
    "AdversarialTraining",
    "AuxiliaryClassifier",
    "Consistency",
    "Dragan",
    "GradientNormalization",
    "GradientPenalty",
    "InstanceNoise",
    "LeCam",
    "Orthogonality",
    "SpectralNormalization",
    "SpectralRegularization",
    "Stabilizer",
    "WeightClipping",
    "WeightNormalization",
]
