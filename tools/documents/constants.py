"""Owns the values of constants in the sources: `#define NAME text`, `NAME = text` of any language, `"NAME": 1` of
JSON."""

from __future__ import annotations

import re

from documents.tree import COMMENT, Tree

INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)
NUMBER = re.compile(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]*\b")
DECIMAL = re.compile(r"\b\d+\.\d+\b")
CAST = re.compile(r"\(\s*(?:u?int\d+_t|size_t|int|unsigned)\s*\)")
NAME = re.compile(r"\b[A-Za-z_]\w*\b")
ARITHMETIC = re.compile(r"[\d\s()+*/%<>&|~^x a-fA-F-]*")
SIZE = re.compile(r"\bsizeof\(?\s*u?int(\d+)_t\b\)?")
KNOWN = {f"UINT{bits}_MAX": str((1 << bits) - 1) for bits in (8, 16, 32, 64)}
DEPTH_MAX = 20


class Unknown(Exception):
    """A constant that does not exist, or whose value is not arithmetic."""


def definition(tree: Tree, file: str, name: str, seen: set[str]) -> str | None:
    """The text of the definition of `name`, in `file` or a file that it includes."""
    if file in seen or file not in tree.files:
        return None
    seen.add(file)
    if file.endswith(".json"):
        found = re.search(rf'"{name}":\s*([\d.]+)', tree.text(file))
        return found[1] if found else None
    text = COMMENT.sub(" ", tree.text(file)).replace("\\\n", " ")
    found = re.search(rf"^\s*#\s*define\s+{name}[ \t]+(.+)$", text, re.MULTILINE) or \
        re.search(rf"\b{name}\s*=(?!=)\s*([^,;}}\n#]+)", text)
    if found:
        return found[1]
    candidates = (definition(tree, include, name, seen) for include in INCLUDE.findall(text))
    return next((one for one in candidates if one is not None), None)


def evaluate(tree: Tree, file: str, expression: str, depth: int = 0) -> int:
    """The value of `expression`, whose names are constants of `file` or of what it includes."""
    if depth > DEPTH_MAX:
        raise Unknown(f"{expression} in {file}: goes round in a circle")

    def value_of(name: re.Match[str]) -> str:
        text = KNOWN.get(name[0]) or definition(tree, file, name[0], set())
        if text is None:
            raise Unknown(f"{file} has no constant {name[0]}")
        return f"({evaluate(tree, file, text, depth + 1)})"

    plain = CAST.sub("", SIZE.sub(lambda size: str(int(size[1]) // 8), expression))
    plain = DECIMAL.sub(lambda number: str(round(float(number[0]))), plain)
    plain = NUMBER.sub(lambda number: str(int(number[1], 0)), plain)
    plain = NAME.sub(value_of, plain).replace("/", "//")
    if not ARITHMETIC.fullmatch(plain):
        raise Unknown(f"{expression} in {file}: no arithmetic")
    try:
        return int(eval(plain, {"__builtins__": {}}))  # digits and operators only, by the line above
    except (SyntaxError, ArithmeticError) as error:
        raise Unknown(f"{expression} in {file}: {error}") from error
