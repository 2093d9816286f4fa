"""What this machine offers: versions, device, threads, precision. Written beside every run, and shown by `steadygan check`."""

import os
import platform
import resource
import sys
from importlib.metadata import version
from typing import Any

import torch

from steadygan.errors import ConfigError
from steadygan.spectral.native import kernels

LIBRARIES = ("torch", "numpy", "pillow", "pydantic", "safetensors", "tensorboard")


def environment() -> dict[str, Any]:
    """Versions and hardware as a plain mapping."""
    return {
        "steadygan": version("steadygan"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",  # no more: a kernel's full name may name its owner
        "libraries": {name: version(name) for name in LIBRARIES},
        "cpu": {
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "kernels": kernels() is not None,  # of spectral normalization, in C
        },
        "gpus": gpus(),
        "memory_gib": round(total_memory() / 2**30, 1),
    }


def gpus() -> list[dict[str, Any]]:
    """Name, memory and bfloat16 support of each CUDA device."""
    found = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = round(properties.total_memory / 2**30, 1)
        found.append({"name": properties.name, "memory_gib": memory, "bfloat16": torch.cuda.is_bf16_supported()})
    return found


def device_named(name: str) -> torch.device:
    """The device that a config asks for; `auto` takes a CUDA device where there is one.

    Raises:
        ConfigError: the device is unknown or not here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device: {name!r} is not a device", "use auto, cpu, cuda or cuda:0") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device: {name!r} is asked for, {torch.cuda.device_count()} CUDA devices are here", "use --device cpu"
        )
    return device


def total_memory() -> int:
    """Bytes of main memory; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def memory_in_use() -> int:
    """Bytes that this process has held at most: on the GPU where there is one, else in main memory."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
