"""Which column of a file is which: names matched loosely, misspellings told apart from absent columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from funnelsim.intake.findings import Findings
from funnelsim.intake.tables import Table, texts_of
from funnelsim.intake.titles import usual_title
from funnelsim.vocabulary.words import closest, did_you_mean, key_of, listed, misspelling

_SHORTEST_MISSPELT = 6  # "stage" must not be taken for a slip of a column called "Stage 1"


@dataclass(frozen=True)
class Columns:
    """The canonical columns of a table, and which of them must be there.

    Parameters
    ----------
    option : str
        Keyword of ``read_deals`` that says what a file calls them.
    required, optional : tuple of str
    """

    option: str
    required: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All canonical names."""
        return self.required + self.optional


DEALS = Columns(
    "columns",
    ("deal_id",),
    ("created_at", "amount", "outcome", "closed_at", "currency", "updated_at", "stage", "lost_reason"),
)
HISTORY = Columns("history_columns", ("deal_id", "stage", "entered_at"), ("recorded_at", "amount", "seq"))


def resolve(table: Table, wanted: Columns, mapping: Mapping[str, str], findings: Findings) -> Table:
    """The table with its canonical columns under their canonical names.

    Parameters
    ----------
    table : Table
    wanted : Columns
    mapping : mapping of str to str
        Canonical name to the file's name; other names are found by their own spelling, whatever the case,
        blanks, underscores and hyphens.
    findings : Findings
        Told of columns that are missing or probably misspelt.
    """
    titles = [str(title) for title in table.frame.columns]
    found: dict[str, str] = {}
    for name, title in mapping.items():
        if name != title and not _is_sound(name, title, mapping, wanted, table, findings):
            continue
        match = _match(title, titles)
        if match is None:
            _refuse_missing(title, titles, wanted, table, findings)
        else:
            found[name] = match
    free = [title for title in titles if title not in found.values()]
    suggested = _suggest_usual(free, wanted, mapping, table, findings)
    for name in wanted.names:
        if name not in mapping and name not in suggested:
            _find(name, free, wanted, table, findings, found)
    return _renamed(table, found)


def refuse_history(table: Table, findings: Findings) -> None:
    """Refuse a stage history that was given in place of the deals table."""
    titles = [str(column) for column in table.frame.columns]
    if any(name in table for name in ("created_at", "outcome", "closed_at")) or "deal_id" not in table:
        return
    if all(_match(name, titles) for name in HISTORY.required):
        findings.refuse(
            "history as deals",
            f"this looks like a stage history (columns {listed(HISTORY.required)}); give the deals table "
            "first and this one second, as the history",
            file=table.name,
        )


def _is_sound(
    name: str, title: str, mapping: Mapping[str, str], wanted: Columns, table: Table, findings: Findings
) -> bool:
    """Whether an entry of the option can be meant; a name that is not canonical may name an attribute."""
    if name in wanted.names:
        return True
    canonical = _match(title, [known for known in wanted.names if known not in mapping])
    titles = [str(column) for column in table.frame.columns]
    is_swapped = canonical is not None and _match(title, titles) is None
    slip = misspelling(name, wanted.names)
    if canonical is None and slip is None:
        return True
    meant = f"{{{canonical!r}: {name!r}}}" if is_swapped else repr(closest(name, wanted.names) or canonical)
    findings.refuse(
        "misspelt option",
        f"{wanted.option}={{{name!r}: {title!r}}}: on the left stands funnelsim's name of a column, on the "
        f"right the file's; {name!r} is no column funnelsim knows; did you mean {meant}? Known are "
        f"{listed(wanted.names)}",
        file=table.name,
        column=name,
    )
    return False


def _match(name: str, titles: Sequence[str]) -> str | None:
    if name in titles:
        return name
    return next((title for title in titles if key_of(title) == key_of(name)), None)


def _find(
    name: str, free: list[str], wanted: Columns, table: Table, findings: Findings, found: dict[str, str]
) -> None:
    same = [title for title in free if key_of(title) == key_of(name)]
    match = _match(name, free)
    if len(same) > 1 and name not in same:
        findings.refuse(
            "two columns with one name",
            f"the columns {listed(same)} could each be {name!r}; "
            f"choose with {wanted.option}={{{name!r}: ...}}",
            file=table.name,
            column=name,
        )
    elif match is not None:
        found[name] = match
    elif name in wanted.required:
        _refuse_missing(name, [str(title) for title in table.frame.columns], wanted, table, findings)
    else:
        _refuse_misspelt(name, free, wanted, table, findings)


def _suggest_usual(
    free: list[str], wanted: Columns, mapping: Mapping[str, str], table: Table, findings: Findings
) -> Mapping[str, str]:
    """Refuse to pass over columns under their usual Chinese titles; the way out is one list of options."""
    unnamed = [name for name in wanted.names if name not in mapping and _match(name, free) is None]
    usual = {name: usual_title(name, free) for name in unnamed}
    suggested = {name: title for name, title in usual.items() if title is not None}
    # Where a deal stands now is not needed: the history tells it.
    if not suggested or (set(suggested) == {"stage"} and "stage" not in wanted.required):
        return {}
    *_, last = suggested.values()
    findings.refuse(
        "usual titles",
        f"nothing is called {listed(suggested)}, but there are titles that usually mean the same: use them "
        f"with {wanted.option}={suggested}, or keep one as an attribute with "
        f"{wanted.option}={{{last!r}: {last!r}}}",
        file=table.name,
    )
    return suggested


def _refuse_missing(name: str, titles: list[str], wanted: Columns, table: Table, findings: Findings) -> None:
    findings.refuse(
        "missing column",
        f"there is no column {name!r}{did_you_mean(name, titles) or '.'} Columns found: {listed(titles)}; "
        f"name yours with {wanted.option}={{canonical name: the file's name}}",
        file=table.name,
        column=name,
    )


def _refuse_misspelt(name: str, free: list[str], wanted: Columns, table: Table, findings: Findings) -> None:
    """An optional column that seems to be there under a near name must not go unread without a word."""
    others = [title for title in free if key_of(title) not in {key_of(other) for other in wanted.names}]
    near = misspelling(name, others) if len(key_of(name)) >= _SHORTEST_MISSPELT else None
    if near:
        findings.refuse(
            "misspelt column",
            f"there is no column {name!r}; did you mean {near!r}? Use it with "
            f"{wanted.option}={{{name!r}: {near!r}}}, or keep it as an attribute with "
            f"{wanted.option}={{{near!r}: {near!r}}}",
            file=table.name,
            column=near,
        )


def _renamed(table: Table, found: Mapping[str, str]) -> Table:
    rest = table.frame.drop(columns=list(set(found.values())))
    # A file may have an "amount" of its own beside the column that was chosen as the amount.
    rest = rest.rename(columns={name: f"{name} (unused)" for name in found if name in rest.columns})
    chosen = table.frame[list(found.values())].set_axis(list(found), axis=1)
    if "deal_id" in chosen:
        chosen["deal_id"] = texts_of(chosen["deal_id"])
    return replace(table, frame=chosen.join(rest), titles=dict(found))
