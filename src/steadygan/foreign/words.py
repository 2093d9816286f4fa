"""Words: how people spell the parts of a GAN's scalars."""

import re
from itertools import product

SYNONYMS = {
    "D": "d dis disc discr discriminator critic crit netd",
    "G": "g gen generator netg",
    "loss": "loss losses err error errors cost objective",
    "rate": "lr",
    "accuracy": "acc accuracy accuracies",
    "gradient": "grad grads gradient gradients",
    "norm": "norm norms",
    "score": "score scores logit logits output outputs out pred preds prediction predictions validity prob probs confidence",
    "sign": "sign signs",
    "penalty": "penalty gp r1 r2",
    "real": "real reals expert",
    "fake": "fake fakes generated synthetic",
    "spread": "std stddev sd",
    "held out": "val valid validation test eval heldout",
    # Says nothing more than the other words do.
    "neutral": "train training trainer step steps epoch iter iteration batch avg average mean running value scalar scalars "
    "metric metrics log logs stats current net network model opt optim optimizer the of total sum all overall main gan adv "
    "adversarial per hinge bce full",
    # Makes it something else than what the other words say.
    "other": "l1 l2 mse mae vgg lpips perceptual percep perc feat feature features fm cycle cyc idt identity recon rec "
    "reconstruction kl tv cls class classification aux min max var variance ema weight lambda mask color content style path pl "
    "ppl reg scale time num count clip id info mi best target ratio diff",
}
MEANING = {word: kind for kind, words in SYNONYMS.items() for word in words.split()}
SEAMLESS = tuple(product("dg", ("loss", "err", "error", "acc", "lr", "real", "fake", "grad", "cost")))
GLUED = {  # what is written without a seam, such as dloss and lossd
    "gradnorm": ("grad", "norm"),
    "gnorm": ("grad", "norm"),
    **{player + what: (player, what) for player, what in SEAMLESS},
    **{what + player: (what, player) for player, what in SEAMLESS},
}
PIECES = re.compile(r"(?<![A-Za-z])[rRlL][12](?![0-9a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_]+")


def words_of(name: str) -> list[str]:
    """The words of a name, in small letters.

    >>> words_of("lossD_real"), words_of("D(G(z))"), words_of("trainDLoss"), words_of("errd")
    (['loss', 'd', 'real'], ['d', 'g', 'z'], ['train', 'd', 'loss'], ['err', 'd'])
    """
    pieces = PIECES.findall(re.sub(r"(?i)learning[ _-]?rate", "lr", name))
    return [word for piece in pieces for word in GLUED.get(piece.lower(), (piece.lower(),))]
