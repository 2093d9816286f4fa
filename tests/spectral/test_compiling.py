"""Building the kernels, and machines where that is not to be."""

import shutil
import stat

import pytest
from spectral_cases import build_or_skip

from steadygan.spectral import compiling, native
from steadygan.spectral.compiling import SOURCE, compile_kernels, library_of


@pytest.fixture
def source(tmp_path):
    """A copy of the source in a folder of its own."""
    return shutil.copy(SOURCE, tmp_path / "kernels.c")


@pytest.fixture
def fresh(monkeypatch):
    """Kernels are looked for anew, and again after the test."""
    native.kernels.cache_clear()
    yield monkeypatch
    native.kernels.cache_clear()


def test_the_library_is_that_of_its_source(source, fresh):
    build_or_skip()
    native.kernels.cache_clear()
    library, problem = compile_kernels(source)
    assert (library, problem) == (library_of(source), "")
    fresh.setattr(compiling, "SOURCE", source)
    assert native.kernels() is not None
    source.write_text(source.read_text() + "/* another version */\n")
    native.kernels.cache_clear()
    assert native.kernels() is None  # the one that is there is not of this source
    other, _ = compile_kernels(source)
    assert [other] == sorted(source.parent.glob("kernels-*.so"))  # and goes when its own is made


def test_without_a_compiler_it_says_so(source, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler -O9")
    library, problem = compile_kernels(source)
    assert library is None
    assert "no C compiler" in problem


def test_a_compiler_that_fails_is_quoted(source, tmp_path, monkeypatch):
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho 'kernels.c:1: no way' >&2\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CC", str(broken))
    library, problem = compile_kernels(source)
    assert library is None
    assert "no way" in problem
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken-cc", "kernels.c"]  # nothing half made is left


def test_a_folder_that_cannot_be_written_to_is_named(source, monkeypatch):
    build_or_skip()

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(compiling.tempfile, "TemporaryDirectory", refuse)
    library, problem = compile_kernels(source)
    assert library is None
    assert str(source.parent) in problem
    assert "Permission denied" in problem


def test_a_library_that_cannot_be_loaded_is_done_without(source, fresh):
    library_of(source).write_bytes(b"of another machine")
    fresh.setattr(compiling, "SOURCE", source)
    assert native.kernels() is None


def test_a_library_without_its_functions_is_done_without(source, fresh):
    build_or_skip()
    native.kernels.cache_clear()
    source.write_text("int nothing;\n")
    assert compile_kernels(source)[0] is not None
    fresh.setattr(compiling, "SOURCE", source)
    assert native.kernels() is None


def test_a_package_without_its_source_is_done_without(fresh, tmp_path):
    fresh.setattr(compiling, "SOURCE", tmp_path / "kernels.c")
    assert native.kernels() is None


def test_the_compiler_may_have_arguments(monkeypatch):
    monkeypatch.setenv("CC", "sh -c")
    assert compiling.compiler() == ["sh", "-c"]
