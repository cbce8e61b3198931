"""The rooms of the code and the arrows between them, as its own `use` lines have them.

A room is a folder or a file right below a crate's `src`. An arrow leads from the room that uses another to the used one. What
only tests use is left out.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Each crate's folder of sources, and the name by which the others use it.
CRATES = {"core": ("core/src", "remediator_core"), "function": ("src", "lambda_invoke_remediator"), "cli": ("cli/src", None)}
TITLES = {"core": "core: pure", "function": "src: the function", "cli": "cli: the operator's tool"}
# What every room may use: an arrow to these says little.
WORDS = {"actions", "rfc3339", "text", "problem", "args", "ui"}
# The rooms from and to which the arrow between two crates is drawn.
BETWEEN = {"cli": "args", "function": "handler", "core": "decision"}
# They name modules and bind them together; arrows from them say nothing.
DOORS = {"lib", "main"}


def code(path):
    """What is compiled for others, without comments."""
    text = path.read_text()
    text = re.sub(r"^#\[cfg\(test\)\]\n(?:pub\(crate\) )?mod tests \{.*", "", text, flags=re.M | re.S)
    return re.sub(r"//.*", "", text)


def used(text, name):
    """The modules of the crate `name` that a text uses."""
    found = set(re.findall(rf"\b{name}::(\w+)", text))
    for group in re.findall(rf"\b{name}::\{{(.*?)\}};", text, re.S):
        found |= set(re.findall(r"(?:^|,)\s*(\w+)", re.sub(r"\{[^{}]*\}", "", group)))
    return found


def rooms(crate):
    """The rooms of a crate, each with its files."""
    folder = ROOT / CRATES[crate][0]
    found = {}
    for path in sorted(folder.rglob("*.rs")):
        first = path.relative_to(folder).parts[0]
        if path.stem != "tests":
            found.setdefault(first.removesuffix(".rs"), []).append(path)
    return {room: files for room, files in found.items() if room not in DOORS}


def arrows():
    """Who uses whom: pairs of (crate, room)."""
    all_rooms = {crate: rooms(crate) for crate in CRATES}
    found = set()
    for crate, of_crate in all_rooms.items():
        for room, files in of_crate.items():
            text = "".join(code(path) for path in files)
            for other, (_, name) in CRATES.items():
                name = "crate" if other == crate else name
                if name:
                    targets = used(text, name) & set(all_rooms[other])
                    found |= {((crate, room), (other, target)) for target in targets if (other, target) != (crate, room)}
    return sorted(found)


def cycles(found):
    """The arrows that lead back to where they come from, over however many rooms."""
    reached = {}

    def reach(room, seen=()):
        if room not in reached:
            targets = {target for source, target in found if source == room} - set(seen)
            reached[room] = targets | {end for target in targets for end in reach(target, (*seen, room))}
        return reached[room]

    return sorted((source, target) for source, target in found if source in reach(target))


def dot():
    """The drawing's source."""
    found = arrows()
    lines = [
        "digraph rooms {",
        '  graph [compound=true, rankdir=TB, splines=spline, nodesep=0.3, ranksep=0.55, pad=0.25, fontname="Helvetica", fontsize=12, style="rounded", class="group"]',
        '  node [shape=box, style="rounded", fontname="Helvetica", fontsize=12, margin="0.2,0.09", class="part"]',
        '  edge [arrowsize=0.7, class="way"]',
    ]
    for crate, title in TITLES.items():
        lines += [f"  subgraph cluster_{crate} {{", f'    label="  {title}"; labeljust=l']
        lines += [f'    {crate}_{room} [label="{room}"]' for room in rooms(crate)]
        lines += ["  }"]
    for (crate, room), (other, target) in found:
        if crate == other:
            faint = ' [class="faint"]' if target in WORDS else ""
            lines.append(f"  {crate}_{room} -> {other}_{target}{faint}")
    # Between crates one arrow says it: which rooms of the core the function and the tool use would hide the rest.
    between = sorted({(source[0], target[0]) for source, target in found if source[0] != target[0]})
    for crate, other in between:
        top, bottom = BETWEEN[crate], BETWEEN[other]
        lines.append(f'  {crate}_{top} -> {other}_{bottom} [ltail=cluster_{crate}, lhead=cluster_{other}, class="main"]')
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    for source, target in arrows():
        print("/".join(source), "->", "/".join(target))
    print(len(arrows()), "arrows, back:", cycles(arrows()))
