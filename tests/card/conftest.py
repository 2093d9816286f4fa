import json

import numpy as np
import pytest

from steadygan.card.truth import SERIES

STEPS = np.arange(50, 3050, 50)
STABLE = {"gap/mean": 0.2, "gap/swing": 0.1, "gap/chance": 0.1, "dispersion/logits": 1.0, "wobble/logits": 1.0}
WELL = {"coverage": 1.0, "churn": 0.02, "quality": 1.0, "distance": 0.05, "accuracy": np.nan, "overfit": 0.0, "copying": 1.0}


@pytest.fixture
def keep(tmp_path):
    """A run in a file: its alarm is right to come from reading `alarm` on, and its samples hop from reading `sick` on."""

    def write(name, alarm=60, sick=60, injected=None, part="sealed", swing=1.0):
        loud = np.arange(len(STEPS)) >= alarm
        series = {series: np.full(len(STEPS), value) for series, value in STABLE.items()}
        series["gap/swing"][loud] = swing
        series["dispersion/logits"][loud] = 0.1
        series["loss/discriminator"] = np.where(loud, 0.05, 1.3)
        truth = {one: np.full(len(STEPS), value) for one, value in {**WELL, "finite": 1.0}.items()}
        truth["churn"][np.arange(len(STEPS)) >= sick] = 0.9
        names = ["step", *series]
        meta = {"name": name, "data": name.split("/")[0], "injection": "spike" if injected else "", "injected": injected}
        meta |= {"cause": [], "part": part, "seed": 0, "series": names}
        path = tmp_path / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.stack([STEPS, *series.values()], 1).astype(np.float32)
        np.savez_compressed(
            path,
            meta=np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8),
            values=values,
            there=np.packbits(np.ones(values.shape, dtype=bool)),
            truth=np.stack([truth[one] for one in SERIES], 1).astype(np.float32),
            histogram=np.zeros((len(STEPS), 2), dtype=np.uint16),
        )
        return path

    return write
