"""Build the guides and the reference into `site/`, or fail and say why.

Run by `nox -s docs`; needs the dependency group `docs` and no network. zensical does the work, in
its strict mode: a dead link, a dead anchor or a name that cannot be found ends the build. What it
does not know is checked here: that every public name stands in the reference, that every page
stands in the navigation, and that the site fetches nothing from elsewhere. Then `llms.txt` is
written: the guides and the public names on one page of plain text.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import griffe

ROOT = Path(__file__).resolve().parent.parent
DOCS, SITE = ROOT / "docs", ROOT / "site"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NAMED = re.compile(r"^::: postpress_async\.(\w+)$", re.MULTILINE)
FETCHED = re.compile(r"""<(?:script|link|img)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^"'> ]+""")
UNLISTED = re.compile(r"(changes|decisions)/")  # decisions have an index of their own


def main() -> int:
    """Build, check, and return the exit code."""
    problems = unlisted_pages() + missing_names()
    if not problems:
        shutil.rmtree(SITE, ignore_errors=True)
        problems = built() or fetched_from_elsewhere()
    for problem in problems:
        print(f"docs: {problem}", file=sys.stderr)
    if problems:
        return 1
    (SITE / "llms.txt").write_text(llms(), encoding="utf-8")
    pages = len(list(SITE.rglob("*.html")))
    print(f"docs: {pages} pages in {SITE.relative_to(ROOT)}/, {len(public_names())} public names")
    return 0


def built() -> list[str]:
    """Run zensical; return what it complains about."""
    config = ["-f", str(ROOT / "mkdocs.yml"), "--strict", "--clean"]
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "zensical", "build", *config],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = COLOUR.sub("", done.stdout + done.stderr)
    if done.returncode:
        return [said]
    return [] if (SITE / "index.html").is_file() else ["zensical built nothing:\n" + said]


def public_names() -> list[str]:
    """Read `__all__` without importing anything."""
    tree = ast.parse((ROOT / "postpress_async/__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [name for name in ast.literal_eval(node.value) if name != "__version__"]
    raise SystemExit("docs: postpress_async has no __all__")


def missing_names() -> list[str]:
    """Return the public names that no page of the reference shows, and what it shows twice."""
    shown: list[str] = []
    for page in sorted((DOCS / "reference").glob("*.md")):
        shown += NAMED.findall(page.read_text(encoding="utf-8"))
    missing = sorted(set(public_names()) - set(shown))
    twice = sorted({name for name in shown if shown.count(name) > 1})
    return [f"{name} is public and not in docs/reference/" for name in missing] + [
        f"{name} stands twice in docs/reference/" for name in twice
    ]


def pages() -> dict[str, list[tuple[str, str]]]:
    """Return the navigation: sections, and in each the titles and files of its pages."""
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    sections: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in nav.splitlines():
        title, _, file = line.strip().removeprefix("- ").partition(":")
        if file:
            sections.setdefault(section, []).append((title, file.strip()))
        elif title:
            section = title
    return sections


def unlisted_pages() -> list[str]:
    """Return the pages that no reader would find."""
    listed = {file for section in pages().values() for _, file in section}
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    decisions = {name for name in there if name.startswith("decisions/")} - {"decisions/index.md"}
    index = DOCS / "decisions/index.md"
    told = index.read_text(encoding="utf-8") if index.is_file() else ""
    return [
        f"{name} is not in the navigation of mkdocs.yml"
        for name in sorted(there - listed)
        if not UNLISTED.match(name)
    ] + [
        f"{name} is not in decisions/index.md"
        for name in sorted(decisions)
        if f"({name.partition('/')[2]})" not in told
    ]


def fetched_from_elsewhere() -> list[str]:
    """Return what a reader's browser would load from another host."""
    return [
        f"{page.relative_to(SITE)} loads {found}"
        for page in SITE.rglob("*.html")
        for found in FETCHED.findall(page.read_text(encoding="utf-8"))
    ]


def llms() -> str:
    """Write the map of the documentation that a language model reads first."""
    lines = ["# postpress-async", "", f"> {_first_paragraph('index.md')}", ""]
    for section, files in pages().items():
        lines += [f"## {section}" if section else "## Start", ""]
        for title, file in files:
            lines.append(f"- [{title}]({_page(file)}): {_first_paragraph(file)}")
        lines.append("")
    package = griffe.load("postpress_async", search_paths=[ROOT])
    lines += ["## Public names, importable from postpress_async", ""]
    for name in public_names():
        docstring = package[name].docstring
        said = docstring.value.partition("\n")[0] if docstring else ""
        lines.append(f"- {name}: {said}" if said else f"- {name}")
    return "\n".join(lines) + "\n"


def _page(file: str) -> str:
    return file.removesuffix(".md") + ".html"


def _first_paragraph(file: str) -> str:
    text = (DOCS / file).read_text(encoding="utf-8")
    for part in text.split("\n\n"):
        if part.strip() and not part.lstrip().startswith(("#", ":::", "```", "|")):
            plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", part)
            return " ".join(plain.split())
    return ""


if __name__ == "__main__":
    sys.exit(main())
