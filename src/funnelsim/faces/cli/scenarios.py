"""``funnelsim scenarios``: the scenarios that ship, what stands in one, and a copy of it to edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from funnelsim.faces.cli import parts
from funnelsim.faces.cli.options import language_option
from funnelsim.faces.cli.situation import told_position
from funnelsim.faces.cli.streams import show, tell
from funnelsim.faces.cli.writing import refuse_existing, write_whole
from funnelsim.faces.tables import flowed, heading, number, paragraph, percent, text_table
from funnelsim.vocabulary.language import known, language, tr

if TYPE_CHECKING:
    from funnelsim.nouns.scenario import Scenario
    from funnelsim.vocabulary.stages import Stage

_EPILOG = """\b
Examples:
  funnelsim scenarios
  funnelsim scenarios telesales
  funnelsim scenarios telesales --copy my_team.toml
  funnelsim forecast --scenario my_team.toml
"""


@click.command(epilog=_EPILOG, short_help="Funnels written by hand: list them, look at one, copy it.")
@click.argument("name", required=False)
@click.option(
    "--copy", "copy", type=click.Path(path_type=Path), metavar="FILE", help="Copy it to a file to edit."
)
@click.option("--force", is_flag=True, help="Let --copy replace what exists.")
@language_option
def scenarios(name: str | None, copy: Path | None, force: bool) -> None:
    """List the scenarios that ship with the package, show the stages of one, or copy it to edit.

    NAME is a scenario that ships, or a file of your own. Without a name all that ship are listed.
    """
    from funnelsim.intake.scenarios import read_scenario, scenario_file, shipped_scenarios

    if name is None:
        if copy is not None:
            raise click.UsageError(
                "--copy needs the name of the scenario to copy: funnelsim scenarios NAME --copy FILE"
            )
        show("\n".join(_list([read_scenario(shipped) for shipped in shipped_scenarios()])))
        return
    scenario = read_scenario(name)
    if copy is None:
        show("\n".join(_whole(scenario, name)))
        return
    refuse_existing(copy, force=force)
    write_whole(copy, scenario_file(name).read_bytes(), force=force)
    tell(tr(f"copied to {copy}; edit it, then: funnelsim forecast --scenario {copy}"))


def _list(every: list[Scenario]) -> list[str]:
    rows = [
        [one.name, one.title(language()), str(one.funnel.stages.n_open), tr(one.asked), one.periods]
        for one in every
    ]
    return [
        *text_table(["Name", "Title", "Open stages", "Target", "Periods"], rows, "llrrl"),
        "",
        *paragraph(
            "Look at one: funnelsim scenarios NAME; copy it to edit: funnelsim scenarios NAME --copy FILE."
        ),
    ]


def _whole(scenario: Scenario, name: str) -> list[str]:
    funnel = scenario.funnel
    rates: dict[Any, Any] = funnel.table().to_dict("index")
    rows = [[stage.name, *_shares(rates[stage.name]), *_days(stage)] for stage in funnel.stages.open]
    titles = ["Stage", "Moves on", "Is won", "Nominal", "Necessary days", "Usual days"]
    legend = (
        "Moves on: chance to reach a later stage or a win. Is won: chance to be won in the end, by the "
        "file's numbers, beside the nominal rate. In brackets: 80 % intervals."
    )
    gates = [line for stage in funnel.stages.open if stage.gate for line in _gate(stage)]
    levers = [line for lever in scenario.levers for line in paragraph(lever.name, first="  ", rest="    ")]
    blocks = [
        [
            *flowed(f"{scenario.title(language())} ({name})", first=parts.lead("Scenario")),
            *paragraph(told_position(scenario.pipeline, funnel.unit), first=parts.lead("")),
            *paragraph(f"target {scenario.asked}, periods {scenario.periods}", first=parts.lead("")),
        ],
        [*text_table(titles, rows, "lrrrrr"), *paragraph(legend)],
        [heading("Gates: the evidence with which a deal is promoted to a stage"), *gates] if gates else [],
        [heading("Levers to compare"), *levers],
        parts.note_lines((funnel.origin, *funnel.notes)),
    ]
    return parts.spaced(blocks)


def _shares(row: dict[str, Any]) -> list[str]:
    shown = []
    for name in ("conversion", "win_rate"):
        low, high = (number(100 * row[f"{name}_{end}"]) for end in ("low", "high"))
        shown.append(f"{percent(row[name], decimals=0)} ({low}..{high})")
    return [*shown, "-" if row["nominal"] != row["nominal"] else percent(row["nominal"], decimals=0)]


def _days(stage: Stage) -> list[str]:
    return ["-" if days is None else number(days) for days in (stage.necessary_days, stage.usual_days)]


def _gate(stage: Stage) -> list[str]:
    colon = "：" if language() == "zh" else ": "
    return flowed(stage.name + colon + known(stage.gate), first="  ", rest="    ")
