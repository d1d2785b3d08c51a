"""Where templates come from: the user's own by name, else bakegen's, from a checkout or an installed wheel alike."""

from __future__ import annotations

import traceback
from functools import cache
from pathlib import Path

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)

from bakegen.errors import ManifestError, Problem, Where
from bakegen.files import MARK
from bakegen.render import escape

BAKE = "docker-bake.hcl.j2"
_SEE = "see docs/templates.md for what a template is given"
_PACKAGE = Path(__file__).parents[1]


def packaged() -> list[Path]:
    """Return the directories of bakegen's own templates: inside a wheel, or at the top of a checkout."""
    inside = _PACKAGE / "_templates"
    return [inside] if inside.is_dir() else [_PACKAGE.parent / "templates", _PACKAGE.parent]


def has_own(root: Path | None) -> bool:
    """Return whether a project may have templates of its own for Dockerfiles, which may copy anything."""
    return root is not None and (root / "templates").is_dir()


@cache
def environment(root: Path | None) -> Environment:
    """Return the environment for a project; its ``templates/`` and ``docker-bake.hcl.j2`` go before bakegen's own."""
    own: list[BaseLoader] = [FileSystemLoader([root / "templates"])] if root else []
    if root and (root / BAKE).is_file():
        own.append(_OneFile(root))
    env = Environment(  # noqa: S701 - no HTML: each language has its own filter
        loader=ChoiceLoader([*own, FileSystemLoader(packaged())]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    env.globals["mark"] = MARK
    env.filters.update(
        hcl=escape.hcl,
        hcl_list=escape.hcl_list,
        hcl_value=escape.hcl_value,
        value=escape.dockerfile_value,
        paths=escape.dockerfile_paths,
        exec_form=escape.exec_form,
        sh=escape.shell_word,
        run=escape.run_command,
        continued=escape.continued,
        frozen=escape.frozen,
    )
    env.tests["single_line"] = escape.single_line
    return env


class _OneFile(FileSystemLoader):
    """Offers the bake template at the top of a project, and nothing else there."""

    def __init__(self, root: Path) -> None:
        super().__init__([root])

    def get_source(self, environment: Environment, template: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - as the parent's
        """Return the bake template; any other name is left to the next loader."""
        return super().get_source(environment, template if template == BAKE else "")


def render(env: Environment, name: str, **values: object) -> str:
    """Return a rendered template; whatever goes wrong in a user's template is a ManifestError at its line."""
    try:
        return env.get_template(name).render(**values)
    except TemplateSyntaxError as error:
        raise ManifestError(Problem(f"template: {error.message}", _place(error.name or name, error.lineno))) from None
    except TemplateNotFound as error:
        raise ManifestError(Problem(f"template: there is no {error.message}", _line(error, name), next=_SEE)) from None
    except Exception as error:  # noqa: BLE001 - a template is a program of the user's: it can raise anything
        what = f"{error}" if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
        raise ManifestError(Problem(f"template: {what}", _line(error, name), next=_SEE)) from None


def _line(error: Exception, name: str) -> Where:
    """Return where a template failed: Jinja gives the innermost frames of a traceback the template's name and line."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.endswith(".j2"):
            path = Path(frame.filename).as_posix()
            return _place(path.rpartition("/templates/")[2] if "/templates/" in path else Path(path).name, frame.lineno)
    return _place(name)


def _place(name: str, line: int | None = 0) -> Where:
    return Where(name if name == BAKE else f"templates/{name}", line or 0)
