"""Pages and pictures of the site that live elsewhere in the repository, links to files that are no pages, formulas.

A hook of MkDocs (`hooks` in mkdocs.yml). A document stays where it is read first, beside its code; the site shows it.
"""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {  # of the site -> the file in the repository
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
    "lessons.md": "apps/lessons/README.md",
    "other_programs.md": "examples/README.md",
    **{
        f"cards/{app}.md": f"saved_models/{app}/README.md"
        for app in ("chinese_pos", "mnist_rows", "sentiment", "shakespeare", "word_reversal")
    },
    **{
        path.relative_to(ROOT).as_posix(): path.relative_to(ROOT).as_posix()
        for kind in ("md", "png")
        for path in sorted((ROOT / "benchmarks" / "results").glob(f"*/*.{kind}"))
    },
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Links lead to the site's own page of a file; one to a file that is no page becomes the file's name alone."""
    shown = page.file.src_uri
    source = PAGES.get(shown, f"docs/{shown}")
    places = {file: at for at, file in PAGES.items()} | {f"docs/{file.src_uri}": file.src_uri for file in files}

    def changed(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        path, _, anchor = target.partition("#")
        if "://" in target or not path:
            return match[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if file not in places:
            return f"`{file}`" if "`" not in text else text
        link = posixpath.relpath(places[file], posixpath.dirname(shown) or ".")
        return f"{mark}[{text}]({link}{'#' + anchor if anchor else ''})"

    return _LINK.sub(changed, re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL))


def on_page_content(content: str, **_: Any) -> str:
    """Formulas in LaTeX as MathML, which browsers draw without a script."""

    def drawn(match: re.Match[str]) -> str:
        tag, formula = match.groups()
        return f"<{tag}>{convert(html.unescape(formula), display='block' if tag == 'div' else 'inline')}</{tag}>"

    return re.sub(r'<(div|span) class="arithmatex">\\[\[(](.*?)\\[\])]</\1>', drawn, content, flags=re.DOTALL)
