"""Where `Share` used to be; it is `steadygan.share` now."""

from steadygan.share import Share

__all__ = ["Share"]
