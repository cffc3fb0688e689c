#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Screens of terminals as one SVG.

svg.py OUT.svg TITLE DESCRIPTION CAPTION=FILE...: each FILE is what `tmux capture-pane -e -p`
has printed. The result has its own background, so that it can be read on a light page and
on a dark one, and names no font, script or picture that would have to be fetched.
"""
import re
import sys
import unicodedata
from xml.sax.saxutils import escape

CELL, LINE, SIZE = 8.4, 18, 14
MARGIN, BAR, GAP = 14, 28, 14
PAGE, FRAME, TITLE = "#14171c", "#4b535e", "#c3cad4"
INK, FAINT = "#dfe3ea", "#98a1ae"
COLOURS = ["#2b3038", "#ff8a80", "#8bd48b", "#e5c07b", "#7fb6ff", "#d6a4f0", "#67d0d6", "#dfe3ea",
           "#98a1ae", "#ffa79f", "#a9e2a9", "#f0d399", "#a3ccff", "#e4c1f7", "#93e0e4", "#ffffff"]


def of_256(number):
    if number < 16:
        return COLOURS[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    number -= 16
    steps = [0, 95, 135, 175, 215, 255]
    return "#" + "".join(f"{steps[number // base % 6]:02x}" for base in (36, 6, 1))


def apply(style, codes):
    """The style after one SGR sequence."""
    style = dict(style)
    codes = [int(code or 0) for code in codes]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = {}
        elif code in (1, 2, 3, 4, 7):
            style[code] = True
        elif code == 22:
            style.pop(1, None)
            style.pop(2, None)
        elif code in (23, 24, 27):
            style.pop(code - 20, None)
        elif code in (39, 49):
            style.pop(code - 9, None)
        elif code in (38, 48) and codes[:1] == [5]:
            style[code - 8] = of_256(codes[1])
            codes = codes[2:]
        elif code in (38, 48) and codes[:1] == [2]:
            style[code - 8] = "#" + "".join(f"{part:02x}" for part in codes[1:4])
            codes = codes[4:]
        elif code // 10 in (3, 4) and code % 10 < 8:
            style[code // 10 * 10] = COLOURS[code % 10]
        elif code // 10 in (9, 10) and code % 10 < 8:
            style[code // 10 * 10 - 60] = COLOURS[8 + code % 10]
    return style


def width(char):
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def runs(lines):
    """For each line its pieces of one style: (column, text, columns, style)."""
    style = {}
    for line in lines:
        pieces, column = [], 0
        for part in re.split(r"(\x1b\[[0-9;:]*m|\x1b[^\[]|[\x0e\x0f])", line):
            if part.startswith("\x1b["):
                style = apply(style, re.split("[;:]", part[2:-1]))
            elif part and part[0] >= " ":
                columns = sum(map(width, part))
                pieces.append((column, part, columns, style))
                column += columns
        yield pieces


def piece(x, column, text, columns, style):
    ink, ground = style.get(30, INK), style.get(40)
    if style.get(7):
        ink, ground = ground or PAGE, style.get(30, INK)
    elif style.get(2) and 30 not in style:
        ink = FAINT
    left = x + column * CELL
    below = ""
    if ground:
        below = (f'<rect x="{left:.1f}" y="@{{top}}" width="{columns * CELL:.1f}" height="{LINE}" '
                 f'fill="{ground}"/>\n')
    if not text.strip():
        return below, ""
    how = f' fill="{ink}"' if ink != INK else ""
    how += ' font-weight="bold"' if style.get(1) else ""
    how += ' font-style="italic"' if style.get(3) else ""
    how += ' text-decoration="underline"' if style.get(4) else ""
    # Spaces at an end would be part of the length, though not seen.
    start = column + len(text) - len(text.lstrip())
    text = text.strip()
    length = sum(map(width, text)) * CELL
    return below, (f'<tspan x="{x + start * CELL:.1f}" textLength="{length:.1f}"{how}>'
                   f"{escape(text)}</tspan>")


def panel(caption, lines, top, columns):
    """A window with a screen in it, and how high it is."""
    inner = len(lines) * LINE
    high = BAR + inner + MARGIN
    wide = columns * CELL + 2 * MARGIN
    out = [f'<rect x="0.5" y="{top + 0.5}" width="{wide - 1:.1f}" height="{high - 1}" rx="8" '
           f'fill="{PAGE}" stroke="{FRAME}"/>',
           f'<text x="{MARGIN}" y="{top + 19}" fill="{TITLE}" font-weight="bold">{escape(caption)}'
           "</text>"]
    for at, pieces in enumerate(runs(lines)):
        y = top + BAR + at * LINE
        made = [piece(MARGIN, *each) for each in pieces]
        out += ["".join(below for below, _ in made).replace("@{top}", str(y)).rstrip("\n")]
        text = "".join(text for _, text in made)
        if text:
            out.append(f'<text y="{y + 14}">{text}</text>')
    return [each for each in out if each], high


def main():
    out, title, description = sys.argv[1:4]
    screens = []
    for each in sys.argv[4:]:
        caption, file = each.rsplit("=", 1)
        with open(file, encoding="utf-8") as screen:
            lines = screen.read().split("\n")
        while lines and not re.sub(r"\x1b\[[0-9;:]*m", "", lines[-1]).strip():
            lines.pop()
        screens.append((caption, lines))
    columns = max(piece[0] + piece[2] for _, lines in screens for line in runs(lines)
                  for piece in line)
    body, top = [], 0
    for caption, lines in screens:
        more, high = panel(caption, lines, top, columns)
        body += more
        top += high + GAP
    wide, high = columns * CELL + 2 * MARGIN, top - GAP
    with open(out, "w", encoding="utf-8") as svg:
        svg.write(f'''<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: GPL-2.0-or-later. Made by contrib/picture/make. -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high}" width="{wide:.0f}"
 height="{high}" role="img" aria-labelledby="title desc" xml:space="preserve"
 font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="{SIZE}"
 fill="{INK}">
<title id="title">{escape(title)}</title>
<desc id="desc">{escape(description)}</desc>
''')
        svg.write("\n".join(body) + "\n</svg>\n")


main()
