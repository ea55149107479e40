"""Renders the gallery's templates, which escape all texts. Only this module imports Jinja, which is slow."""

import re
import sys
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from pickle import UnpicklingError

import jinja2
from jinja2 import Environment, FileSystemBytecodeCache, FunctionLoader, StrictUndefined
from jinja2.bccache import Bucket

from xharchive.gallery import assets, formats

# Invalid in HTML: control characters. Impossible to encode: lone surrogates.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class _CompiledTemplates(FileSystemBytecodeCache):
    """Compiled templates beside Python's compiled modules: compiling takes a tenth of a refresh's time.

    They belong to a version of Jinja and of this module, which sets Jinja's options.
    """

    def __init__(self, module: str, source: str) -> None:
        super().__init__(str(Path(cache_from_source(module)).parent), "template-%s.cache")
        self._made_by = f"{jinja2.__version__}\0{source}"

    def get_source_checksum(self, source: str) -> str:
        return super().get_source_checksum(f"{self._made_by}\0{source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except (OSError, EOFError, UnpicklingError):
            bucket.reset()  # unreadable, or cut by a power cut

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):  # the folder is missing or read-only, or the disk is full
            super().dump_bytecode(bucket)


def load_templates() -> None:
    """Load and compile the templates before they are needed, because it takes time."""
    for template in ("note.html.j2", "index.html.j2"):
        _environment().get_template(template)


def render(template: str, **values: object) -> str:
    """Render a template; its text can be encoded as UTF-8."""
    text = _environment().get_template(template).render(policy=assets.POLICY, **values)
    return _UNWRITABLE.sub("\ufffd", text)


@cache
def _environment() -> Environment:
    compiled = None
    if not sys.dont_write_bytecode:
        compiled = _CompiledTemplates(__file__, assets.python_source("render.py"))
    environment = Environment(
        loader=FunctionLoader(assets.templates().get),
        bytecode_cache=compiled,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        href=formats.href,
        file_href=formats.file_href,
        china_time=formats.china_time,
        moment=formats.moment,
        clock=formats.clock,
        size=formats.size,
        number="{:,}".format,
        language=formats.language,
    )
    return environment
