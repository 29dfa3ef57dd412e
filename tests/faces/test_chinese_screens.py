"""Screens in Chinese: nothing is left in English but names, units, commands and options; columns hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import funnelsim as fs
from funnelsim.faces.cli import main
from funnelsim.faces.cli import output as cli_output
from funnelsim.faces.tables import LINE_WIDTH, display_width, text_table, wrapped
from funnelsim.vocabulary.language import missed_texts, tr

COMMANDS = {
    "forecast": "forecast --target 5.5M --draws 10",
    "forecast by stage": "forecast --by stage --draws 10",
    "forecast by deal": "forecast --by deal --draws 10",
    "forecast of wins": "forecast --measure wins --target 130 --futures 100 --draws 10",
    "forecast of cash": "forecast --measure cash --target 5M --terms 30 --late 10 --futures 100 --draws 10",
    "forecast of dates": "forecast --periods 2026-07-01,2026-10-01,2027-01-01 --draws 10",
    "levers": "levers --chance 0.6 --draws 10 --periods 2Q --target 2.8M",
    "targets": "targets --draws 10 --futures 500 --weeks 40",
    "targets by region": "targets --draws 10 --futures 500 --by region --target 9M",
    "check": "check",
    "fit": "fit --draws 20",
    "backtest": "backtest --origins 2 --draws 10",
    "simulate": "simulate -o example",
    "forecast account_selling": "forecast --scenario account_selling --draws 10",
    "levers account_selling": "levers --scenario account_selling --draws 10 --chance 0.4",
    "targets account_selling": "targets --scenario account_selling --draws 10 --futures 500 --people 6",
    "forecast telesales": "forecast --scenario telesales --futures 100 --draws 10 --periods 2W",
    "forecast lead_to_cash": "forecast --scenario lead_to_cash --futures 100 --draws 10",
    "scenarios": "scenarios",
    "scenarios field_sales": "scenarios field_sales",
    "levers lead_to_cash": "levers --scenario lead_to_cash --futures 100 --draws 10",
}
# Their tables have titles over columns that end where the figures below them end.
TABLES = ["forecast", "forecast of cash", "levers", "targets", "fit", "forecast telesales"]

Screen = tuple[str, list[str]]


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Screen]]:
    """What a command prints, as to a person at a terminal, and what could not be said; each runs once."""
    seen: dict[str, Screen] = {}
    runner = CliRunner()

    def shown(command: str) -> Screen:
        if command not in seen:
            with missed_texts() as missed:
                result = runner.invoke(main, [*command.split(), "--lang", "zh"])
            assert result.exit_code == 0, result.output
            seen[command] = result.output, list(missed)
        return seen[command]

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("zh"))
        patch.setattr(cli_output, "is_watched", lambda: True)
        yield shown


def left_in_english(text: str, command: str) -> list[str]:
    """Runs of two or more English words, once names and what a person types are taken out."""
    text = " ".join(text.split())
    for own in names_of(command):
        text = text.replace(own, "·")
    text = re.sub(r"`[^`]*`|funnelsim (check|forecast|simulate|scenarios)( [\w./-]+)+", "·", text)
    text = re.sub(r"(?<![\w-])--?[a-z][\w-]*( [A-Z]+\b)?|[\w/]+\.(csv|toml|json)|\w+\([^()]*\)", "·", text)
    return re.findall(r"[A-Za-z]{2,}(?:[ ,]+[A-Za-z]{2,})+", text)


def names_of(command: str) -> list[str]:
    """Names in the records or the scenario of a command, and what the file's own notes say, longest first."""
    words = command.split()
    if "--scenario" in words:
        scenario = fs.read_scenario(words[words.index("--scenario") + 1])
        notes = [note.removeprefix("written by hand: ") for note in scenario.funnel.notes]
        names = [*scenario.funnel.stages.names, *notes, *(one.name for one in scenario.spending)]
    else:
        names = ["won", "lost", "EUR"]
    return sorted(names, key=len, reverse=True)


@pytest.mark.parametrize("case", COMMANDS)
def test_nothing_is_missed(case: str, screens: Callable[[str], Screen]) -> None:
    _, missed = screens(COMMANDS[case])
    assert not [text for text in missed if left_in_english(text, COMMANDS[case])]


@pytest.mark.parametrize("case", COMMANDS)
def test_no_english_is_left(case: str, screens: Callable[[str], Screen]) -> None:
    text, _ = screens(COMMANDS[case])
    assert re.search(r"[一-鿿]", text)
    assert not left_in_english(text, COMMANDS[case])


@pytest.mark.slow
def test_the_demonstration_speaks_chinese(screens: Callable[[str], Screen]) -> None:
    text, missed = screens("demo")
    assert not missed
    assert not left_in_english(text, "demo")


@pytest.mark.parametrize("case", TABLES)
def test_columns_end_under_their_titles(case: str, screens: Callable[[str], Screen]) -> None:
    lines = screens(COMMANDS[case])[0].split("\n")
    at = next(
        i for i, line in enumerate(lines) if re.match(r"(期间|举措|月份|阶段) ", line) and "  " in line[8:]
    )
    titles = ends(lines[at])
    for line in lines[at + 1 : at + 4]:
        assert ends(line)[: len(titles)] == titles, line


def ends(line: str) -> list[int]:
    """Columns of the terminal at which the figures of a line end; its first cell is a name."""
    return [display_width(line[: cell.end()]) for cell in re.finditer(r"\S+( \S+)*", line)][1:]


def test_no_line_is_wider_than_the_page(screens: Callable[[str], Screen]) -> None:
    for command in COMMANDS.values():
        for line in screens(command)[0].split("\n"):
            assert display_width(line) <= LINE_WIDTH or "funnelsim" in line, line


def test_a_sentence_says_what_its_english_says(screens: Callable[[str], Screen]) -> None:
    """Figures stand at their nouns where the order of a sentence changes."""
    text, _ = screens(COMMANDS["check"])
    assert "截至 2026-08-31 共 2,258 个商机：赢单 277，输单 1,714，在手 267" in text
    english = CliRunner().invoke(main, ["check"]).output
    assert "2,258 deals as of 2026-08-31: 277 won, 1,714 lost, 267 open" in english
    targets = " ".join(screens(COMMANDS["targets account_selling"])[0].split())
    assert "按季度分解目标 1,900,000 欧元" in targets
    assert "截至 2026-08-31 在手商机 80 个，其中 62 个未填金额，其余金额合计 1,005,000 欧元" in targets


FAILURES = {
    "forecast missing.csv": "错误：数据有一处错误：\n  missing.csv：无法读取 missing.csv",
    "levers example/deals.csv example/stage_history.csv": "比较举措需要一个目标",
    "forecast --periods 9X": "错误：期间 '9X' 无法识别",
    "forecast --scenario telesale": "没有这个文件，也没有这个名称的场景",
    "forecast --measure cash": "预测回款（--measure）需要知道赢单如何回款",
    "check example/deals.csv renamed.csv --stages example/stages.toml": "没有这个阶段；是否应为 '证明价值'？",
    "check faulty.csv example/stage_history.csv": "第 3 行，列 'created_at'，值 'soon'：不是日期",
    "check nameless.csv example/stage_history.csv": "找不到列 'deal_id'",
    "fit example/deals.csv example/stage_history.csv --classes regin": "没有属性 'regin'；是否应为",
    "forecast --scenario wrong.toml": "第 1 行：tarjet：没有这个键；是否应为 'target'？",
}


@pytest.mark.parametrize("command", FAILURES)
def test_what_goes_wrong_is_told_in_chinese(command: str, screens: Callable[[str], Screen]) -> None:
    screens(COMMANDS["simulate"])
    deals = Path("example/deals.csv").read_text(encoding="utf-8").split("\n")
    moves = Path("example/stage_history.csv").read_text(encoding="utf-8")
    late = [*deals[:2], re.sub(r",\d{4}-\d\d-\d\d,", ",soon,", deals[2], count=1), *deals[3:]]
    Path("faulty.csv").write_text("\n".join(late), encoding="utf-8")
    Path("nameless.csv").write_text("\n".join(["name" + deals[0][7:], *deals[1:]]), encoding="utf-8")
    Path("renamed.csv").write_text(moves.replace(",证明价值,", ",证明价,"), encoding="utf-8")
    shipped = fs.intake.scenarios.shipped_scenarios()["account_selling"].read_text(encoding="utf-8")
    Path("wrong.toml").write_text("tarjet = 5\n" + shipped, encoding="utf-8")
    result = CliRunner().invoke(main, [*command.split(), "--lang", "zh"])
    assert result.exit_code in (1, 2)
    assert FAILURES[command] in result.stderr


FAULTS_OF_A_SCENARIO = {
    'target = "much"': "第 6 行：target：应为数字，而不是 'much'",
    "target = -1": "第 6 行：target：应为大于 0 的数字，而不是 -1",
    "target = [1]": "第 6 行：target：应为数字",
    "target = 5\nperiods = 4": '：periods：应为加引号的文本，而不是 4；请写成 "4"',
    "target = 5\nfiscal_start_month = 13": "：fiscal_start_month：应为不大于 12 的数字，而不是 13",
    "target = 5\nfiscal_start_month = 1.5": "：fiscal_start_month：应为整数，而不是 1.5",
    "target = 5\nmeasure = 'won'": "：measure：应为 'bookings', 'wins', 'revenue', 'cash' 之一，而不是 'won'",
    "": "target：缺失",
    "target = ５": "第 6 行第 10 列，全角数字和符号请改为半角；整行写成 'target = 5'：'target = ５'",
    "target = “5”": "全角引号请改为半角引号",
    "target = { 目标 = 5 }": "键名含中文等 a-z 以外的字符时需加引号",
}


@pytest.mark.parametrize("line", FAULTS_OF_A_SCENARIO)
def test_faults_of_a_scenario_are_told_in_chinese_with_the_keys_of_the_file(
    line: str, tmp_path: Path
) -> None:
    text = fs.intake.scenarios.shipped_scenarios()["account_selling"].read_text(encoding="utf-8")
    if "periods" in line:
        text = re.sub("^periods.*\n", "\n", text, count=1, flags=re.MULTILINE)
    path = tmp_path / "mine.toml"
    path.write_text(re.sub("^target = .*$", line, text, count=1, flags=re.MULTILINE), encoding="utf-8")
    told = CliRunner().invoke(main, ["forecast", "--scenario", str(path), "--lang", "zh"]).stderr
    assert FAULTS_OF_A_SCENARIO[line] in told
    assert not re.findall(r"[A-Za-z]{2,}(?: [A-Za-z]{2,})+", told.replace("true or false", ""))


def test_an_error_that_is_not_known_stays_english_but_says_so_in_chinese() -> None:
    result = CliRunner().invoke(main, ["fit", "--holiday", "soon", "--lang", "zh"])
    assert result.exit_code == 1
    assert result.stderr.split("\n")[-2].startswith("错误：")


def test_the_language_of_one_command_is_not_that_of_the_next() -> None:
    CliRunner().invoke(main, ["forecast", "missing.csv", "--lang", "zh"])
    assert "Error: the records have a fault" in CliRunner().invoke(main, ["forecast", "missing.csv"]).stderr


def test_chinese_breaks_between_characters_and_not_before_what_closes_a_phrase() -> None:
    text = "有 80 % 的可能为（含）4,454,255 至 6,057,088 EUR；“新增”商机，按期间看。"
    for room in range(14, 60):
        lines = wrapped(text, room)
        assert all(display_width(line) <= room for line in lines)
        assert not any(line[0] in "，。；：、）”%" or line[-1] in "（“" for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrapped("漏斗模型与在手商机", 8) == ["漏斗模型", "与在手商", "机"]


def test_every_lever_of_what_ships_has_a_name_in_chinese() -> None:
    with fs.use_language("zh"):
        for scenario in map(fs.read_scenario, fs.shipped_scenarios()):
            for lever in scenario.levers:
                said = tr(lever.name)
                assert re.search("[一-鿿]", said)
                for stage in scenario.funnel.stages.names:
                    said = said.replace(f"“{stage}”", "·").replace(f"：{stage} ", "·")
                assert not re.search("[A-Za-z]{2,} [A-Za-z]{2,}", said), said


def test_levers_are_named_as_sales_teams_say() -> None:
    with fs.use_language("zh"):
        assert (
            tr(fs.Hire(1, start="2026-10-01", ramp_days=30).name)
            == "2026-10-01 起销售人员增加 1 名，上手期 30 天"
        )
        assert tr(fs.Subset(fs.Volume(1.1), "region", ("South",)).name) == "新增商机 +10 %（区域：South）"
        assert tr("conversion of Qualify from 55 to 65 %") == "“Qualify”转化率由 55 % 变为 65 %"


def test_outcomes_counts_and_missing_amounts_are_told_as_such(screens: Callable[[str], Screen]) -> None:
    fitted = screens(COMMANDS["fit"])[0]
    assert "转至赢单 " in fitted
    assert "lost" not in fitted
    assert "不少于 130 单" in screens(COMMANDS["forecast of wins"])[0]


def test_no_sum_is_told_where_no_open_deal_has_an_amount(tmp_path: Path) -> None:
    text = fs.shipped_scenarios()["account_selling"].read_text(encoding="utf-8")
    before, mark, after = text.partition("[[pipeline]]")
    path = tmp_path / "mine.toml"
    path.write_text(before + mark + re.sub("(?m)^amount = .*$", "", after), encoding="utf-8")
    for lang, told in (
        ("en", "80 open deals at 2026-08-31, none with an amount"),
        ("zh", "80 个，均未填金额"),
    ):
        call = ["forecast", "--scenario", str(path), "--draws", "10", "--measure", "wins", "--target", "9"]
        shown = CliRunner().invoke(main, [*call, "--lang", lang]).output
        assert told in " ".join(shown.split())


def test_names_stay_as_they_are_in_chinese() -> None:
    with fs.use_language("zh"):
        lines = text_table(["Deal", "Amount"], [["Road to Rome", "1"], ["Acme (North)", "2"]], "lr")
    assert [line.split("  ")[0] for line in lines] == ["商机", "Road to Rome", "Acme (North)"]
