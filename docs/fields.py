"""Show every field of a struct in one table, whether or not its docstring says a word about it.

An extension of griffe, which mkdocstrings loads by its path. A docstring's own words stay; fields
that it leaves out are added with their types. Without this the reference of a profile would list
six of its sixty fields, or sixty headings.
"""

from __future__ import annotations

from functools import cache

import griffe


class FieldTables(griffe.Extension):
    """Complete the `Attributes:` of each struct when the package has been read."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Look at every class of the package."""
        for module in _modules(pkg):
            for found in module.classes.values():
                if not found.is_alias and _is_struct(found):
                    _complete(found)


def _modules(module: griffe.Module) -> list[griffe.Module]:
    below = [m for m in module.modules.values() if not m.is_alias]
    return [module, *(deep for m in below for deep in _modules(m))]


@cache
def _is_struct(found: griffe.Class) -> bool:
    if any(str(base).endswith("Struct") for base in found.bases):
        return True
    return any(
        parent.name != "object" and _is_struct(parent)
        for parent in found.resolved_bases
        if isinstance(parent, griffe.Class) or (parent.is_alias and parent.is_class)
    )


def _fields(found: griffe.Class) -> dict[str, griffe.Attribute]:
    mine: dict[str, griffe.Attribute] = {}
    for parent in reversed(found.mro()):
        mine |= {
            name: member
            for name, member in parent.members.items()
            if not name.startswith("_")
            and member.is_attribute
            and "property" not in member.labels
            and "ClassVar" not in str(member.annotation)
        }
    here = {
        name: member
        for name, member in found.members.items()
        if not name.startswith("_")
        and not member.is_alias
        and member.is_attribute
        and "property" not in member.labels
        and member.annotation is not None
        and "ClassVar" not in str(member.annotation)
    }
    return mine | here


def _complete(found: griffe.Class) -> None:
    fields = _fields(found)
    if not fields:
        return
    if found.docstring is None:
        found.docstring = griffe.Docstring("", parent=found)
    sections = list(found.docstring.parse("google"))
    kind = griffe.DocstringSectionKind.attributes
    table = next((s for s in sections if s.kind is kind), None)
    if table is None:
        table = griffe.DocstringSectionAttributes([])
        sections.append(table)
    said: dict[str, griffe.DocstringAttribute] = {}
    for line in table.value:
        # `title, detail: …` speaks of two fields at once
        for name in line.name.split(", "):
            said[name] = line
    table.value = [
        griffe.DocstringAttribute(
            name,
            description=said[name].description if name in said else "",
            annotation=field.annotation,
        )
        for name, field in fields.items()
    ] + [line for name, line in said.items() if name not in fields]
    found.docstring.__dict__["parsed"] = sections
    for field in fields.values():
        if field.parent is found:
            field.docstring = None  # it stands in the table
