#!/usr/bin/env python3
"""Fills static/vendor/: the few dist files of npm packages that pages load, their fonts, and one sprite of the icons that static/icons.txt names.

Standard library only. Run by script/setup; writes only what changed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
ICONS = ROOT / "static" / "icons.txt"
FILES = (
    "htmx.org/dist/htmx.min.js",
    "idiomorph/dist/idiomorph-ext.min.js",
    "uplot/dist/uPlot.iife.min.js",
    "elkjs/lib/elk-api.js",
    "elkjs/lib/elk-worker.min.js",
    "modern-normalize/modern-normalize.css",
)
FONTS = ("inter", "jetbrains-mono")
SCRIPTS = ("latin", "latin-ext", "cyrillic", "cyrillic-ext")  # a browser loads only the files whose characters a page has
STROKED = 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
FILLED = 'fill="currentColor"'


def icon_names(text: str) -> list[str]:
    """The names of static/icons.txt, sorted and once each; lines that begin with # are comments."""
    lines = (line.strip() for line in text.splitlines())
    return sorted({line for line in lines if line and not line.startswith("#")})


def icon_file(name: str) -> Path:
    """Where Tabler keeps the icon; a name that ends in -filled is one of the filled set."""
    icons = PACKAGES / "@tabler" / "icons" / "icons"
    return icons / "filled" / f"{name.removesuffix('-filled')}.svg" if name.endswith("-filled") else icons / "outline" / f"{name}.svg"


def symbol(name: str, svg: str) -> str:
    """One `<symbol id=name>` of the sprite, without Tabler's invisible bounding path."""
    inner = re.sub(r"^.*?<svg[^>]*>|</svg>\s*$", "", svg, flags=re.DOTALL)
    inner = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>', "", inner)
    inner = re.sub(r"\s*\n\s*", "", inner)
    return f'<symbol id="{name}" viewBox="0 0 24 24" {FILLED if name.endswith("-filled") else STROKED}>{inner}</symbol>'


def sprite() -> str:
    symbols, unknown = [], []
    for name in icon_names(ICONS.read_text(encoding="utf-8")):
        path = icon_file(name)
        if path.is_file():
            symbols.append(symbol(name, path.read_text(encoding="utf-8")))
        else:
            unknown.append(name)
    if unknown:
        sys.exit(f"setup: static/icons.txt names icons that Tabler does not have: {', '.join(unknown)}")
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def font_faces(css: str) -> list[tuple[str, str]]:
    """(file, rule) of each script that we take from a package's wght.css; the rules name the files beside them.

    A rule there: a comment with the file's name, then `@font-face` with its `unicode-range`.
    """
    found = []
    for name, rule in re.findall(r"/\* ([\w-]+) \*/\s*(@font-face \{.*?\})", css, re.DOTALL):
        if re.fullmatch(r"[a-z-]+?-(?:" + "|".join(SCRIPTS) + r")-wght-normal", name):
            found.append((f"{name}.woff2", rule.replace("./files/", "")))
    return found


def fonts() -> dict[str, bytes]:
    """The font files by name, and fonts.css, which says which of them has which characters."""
    made, rules = {}, []
    for font in FONTS:
        package = PACKAGES / "@fontsource-variable" / font
        for name, rule in font_faces((package / "wght.css").read_text(encoding="utf-8")):
            made[name] = (package / "files" / name).read_bytes()
            rules.append(rule)
    return made | {"fonts.css": ("\n".join(rules) + "\n").encode()}


def write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def main() -> None:
    VENDOR.mkdir(parents=True, exist_ok=True)
    missing = [name for name in FILES if not (PACKAGES / name).is_file()]
    if missing:
        sys.exit(f"setup: node_modules lacks {', '.join(missing)}; remove node_modules and run script/setup again")
    wanted = {Path(name).name: (PACKAGES / name).read_bytes() for name in FILES} | fonts() | {"icons.svg": sprite().encode()}
    for name, content in wanted.items():
        write(VENDOR / name, content)
    for path in VENDOR.iterdir():
        if path.name not in wanted:
            path.unlink()


if __name__ == "__main__":
    main()
