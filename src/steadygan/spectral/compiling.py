"""Makes a library of `kernels.c`, where a C compiler is at hand. Building the package does; `python -m` does so by hand.

Imports the standard library alone, since a build has nothing else. The library's name holds a digest of its source, so that one
left over from another version is never loaded.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = ("-std=gnu11", "-O3", "-fopenmp-simd", "-fPIC", "-shared")


def library_of(source: Path = SOURCE) -> Path:
    """Where the library of a source is, or would be: beside it."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    return source.with_name(f"kernels-{digest}.so")


def compiler() -> list[str] | None:
    """The C compiler of this machine: what CC says, or the first of cc, gcc and clang; None where there is none."""
    asked = shlex.split(os.environ.get("CC", ""))
    for one in [asked] if asked else [["cc"], ["gcc"], ["clang"]]:
        if shutil.which(one[0]):
            return one
    return None


def compile_kernels(source: Path = SOURCE) -> tuple[Path | None, str]:
    """Compile, and remove libraries of other versions: -> the library and "", or None and why there is none."""
    command = compiler()
    if command is None:
        return None, "no C compiler was found; CC can name one"
    try:
        return made_by(command, source)
    except OSError as error:
        return None, f"{source.parent}: {error}"


def made_by(command: list[str], source: Path) -> tuple[Path | None, str]:
    """The same by a given compiler."""
    target = library_of(source)
    with tempfile.TemporaryDirectory(dir=source.parent) as place:  # renamed into place, for whoever loads it meanwhile
        made = Path(place) / target.name
        said = subprocess.run(
            [*command, *FLAGS, str(source), "-o", str(made), "-lm"], capture_output=True, text=True, check=False
        )
        if said.returncode:
            return None, f"{shlex.join(command)} failed: {said.stderr.strip()[-500:]}"
        os.replace(made, target)
    for other in source.parent.glob("kernels-*.so"):
        if other != target:
            other.unlink()
    return target, ""


if __name__ == "__main__":
    made, problem = compile_kernels()
    sys.exit(problem or print(made))
