"""The frame of every discriminator: how images, features and label become one logit."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadygan.networks.blocks import full_precision, glorot
from steadygan.networks.norms import checked_label


class LabelPlanes(nn.Module):
    """The class, embedded as extra constant planes of the image (of a point or flat image: extra coordinates).

    Mirza & Osindero 2014, arXiv:1411.1784, with a learned embedding in place of one-hot planes.
    """

    def __init__(self, n_classes: int, n_planes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_classes, n_planes)

    def forward(self, images: Tensor, label: Tensor | None) -> Tensor:
        """[B, C, ...], [B] -> [B, C + P, ...]."""
        planes: Tensor = self.embedding(checked_label(label, len(images), "discriminator")).to(images.dtype)
        planes = planes.reshape(*planes.shape, *(1 for _ in images.shape[2:]))
        return torch.cat([images, planes.expand(-1, -1, *images.shape[2:])], 1)


class Head(nn.Module):
    """Features to one logit: linear, plus the inner product with a class embedding where `n_projected`.

    Projection: Miyato & Koyama 2018, arXiv:1802.05637, eq. 3. All weights are ordinary linear layers and embeddings, so
    that spectral normalization covers them.

    Args:
        channels: C of the features.
        n_positions: H * W where the head reads every position; 1 where it reads the sum over positions.
        n_projected: K for a projection of the class; 0 for none.
        projection_scale: factor on the projection term.
        bias: whether the linear layer has one.
    """

    def __init__(self, channels: int, n_positions: int, n_projected: int, projection_scale: float, bias: bool) -> None:
        super().__init__()
        self.every_position, self.projection_scale = n_positions > 1, projection_scale
        self.linear = glorot(nn.Linear(channels * n_positions, 1, bias))
        self.embedding = nn.Embedding(n_projected, channels * n_positions) if n_projected else None
        if self.embedding is not None:
            nn.init.xavier_uniform_(self.embedding.weight)

    def vector(self, features: Tensor) -> Tensor:
        """What is read of the features: [B, C, H, W] -> [B, H * W * C] or sums [B, C]; [B, C] stays."""
        if features.dim() == 2:
            return features
        return features.movedim(1, -1).flatten(1) if self.every_position else features.sum((2, 3))

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        """[B, C, H, W] or [B, C], [B] -> logits [B]."""
        vector = self.vector(features)
        logits: Tensor = self.linear(vector).flatten()
        if self.embedding is None:
            return logits
        label = checked_label(label, len(features), "discriminator")
        # one product with all classes, then a choice: cheaper than a gathered [B, C] table and its gradient
        projection = F.linear(vector, self.embedding.weight).gather(1, label[:, None]).flatten()
        return logits + self.projection_scale * projection


class Discriminator(nn.Module):
    """`(images [B, C, H, W] or points [B, D], label [B] or None) -> logits [B]`, float32 also under autocast.

    Args:
        body: images (with label planes) -> features.
        head: features and label -> logit.
        planes: joins the label to the images first; None where it does not enter there.
    """

    def __init__(self, body: nn.Module, head: Head, planes: LabelPlanes | None = None) -> None:
        super().__init__()
        self.body, self.head, self.planes = body, head, planes

    def features(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        """What the head judges: [B, C, H, W], [B] -> [B, F, S, S], float32."""
        return full_precision(self.body(images if self.planes is None else self.planes(images, label)))

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        """[B, C, H, W], [B] -> logits [B]. Raises NetworkError where a class-conditional one gets no label."""
        features = self.features(images, label)
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 holds three digits: too few for a logit
            logits: Tensor = self.head(features, label)
        return logits


class ClassifyingDiscriminator(Discriminator):
    """A discriminator that ignores the label and can name it: an auxiliary classifier. Odena et al. 2017, arXiv:1610.09585.

    Nothing in the networks trains the classifier: whoever wants it adds its cross-entropy to the players' losses.

    Args:
        classifier: linear layer from the head's vector to K class logits.
    """

    def __init__(self, body: nn.Module, head: Head, classifier: nn.Linear) -> None:
        super().__init__(body, head)
        self.classifier = classifier

    def classify(self, images: Tensor) -> Tensor:
        """Class logits: [B, C, H, W] -> [B, K], float32. One more pass through the body."""
        features = self.features(images)
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.classifier(self.head.vector(features))
        return logits
