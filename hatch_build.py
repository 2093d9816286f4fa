"""What the build adds to the package: the compiled kernels, where a C compiler is at hand. Without one it is pure Python."""

import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Kernels(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles `spectral/kernels.c` beside its source, and has the wheel take it along."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is made, also for an installation in place."""
        folder = Path("src/steadygan/spectral")
        library, problem = runpy.run_path(str(Path(self.root) / folder / "compiling.py"))["compile_kernels"]()
        if library is None:
            self.app.display_warning(f"steadygan without compiled kernels, slower in small networks: {problem}")
            return
        build_data["artifacts"].append(str(folder / library.name))
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
