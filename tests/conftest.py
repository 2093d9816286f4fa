import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread_and_known_seed():
    """Two threads on a busy machine can be many times slower than one; a seed makes failures repeat."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
