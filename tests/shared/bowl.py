"""A discriminator whose gradient is known everywhere."""

from torch import nn


class Bowl(nn.Module):
    """logit = |x|^2 / 2, whose gradient is x itself; with a label, that many times as steep."""

    def forward(self, images, label):
        logits = images.flatten(1).square().sum(1) / 2
        return logits if label is None else logits * label
