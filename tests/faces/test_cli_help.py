"""Help pages and refusals of wrong usage: spoken in the language asked for, wherever it is asked."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

import funnelsim as fs
from funnelsim.faces.cli import main
from funnelsim.faces.tables import display_width
from funnelsim.vocabulary.language import language, missed_texts

PAGES = ["", *main.commands]
# Words of sentences; options, and the commands of examples, are typed as they stand.
_TYPED = re.compile(r"--[\w-]+|\[[a-z|]+\]|  funnelsim .*")
_ENGLISH = re.compile(
    r"\b(a|an|and|are|as|at|by|for|from|has|in|is|it|not|of|on|one|or|such|that|the|this|to|use|with)\b"
)

REFUSED = {
    "forecast --target x": "'--target' 的值有误："
    "'x' 不是大于 0 的金额；请用数字写成 5000000、5,000,000、5M、500k 或 550万",
    "forecast --seed x": "'--seed' 的值有误：'x' 不是整数。",
    "forecast --seed": "选项 '--seed' 须带一个值。",
    "forecast --force=1": "选项 '--force' 不带值。",
    "forecast --by moon": "'--by' 的值有误：'moon' 不在可选之列：'period', 'stage', 'deal'。",
    "forecast a b c": "多出一个参数（c）",
    "workshop --port 0": "'--port' 的值有误：0 不在范围 1<=x<=65535 内。",
    "simulate": "缺少选项 '-o' / '--output'。",
    "report": "报告须写入文件：请用 -o report.html（或 .xlsx、.pdf）指定",
}


def told(*typed: str, env: dict[str, str] | None = None) -> str:
    """What a command prints, on a terminal of 80 columns."""
    return CliRunner().invoke(main, typed, env=env, prog_name="funnelsim", terminal_width=80).output


@pytest.mark.parametrize("command", PAGES)
def test_no_english_is_left_on_a_help_page(command: str) -> None:
    with missed_texts() as missed:
        page = told("--lang", "zh", *command.split(), "--help")
    assert not missed
    assert page.startswith("用法：")
    assert not _ENGLISH.findall(_TYPED.sub("", page))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("command", PAGES)
def test_lines_of_help_fit_a_terminal(command: str, lang: str) -> None:
    """Chinese characters take two columns; examples stand as they are typed."""
    lines = told(*command.split(), "--help", "--lang", lang).split("\n")
    assert [line for line in lines if display_width(line) > 80 and "funnelsim " not in line] == []


def test_english_help_is_what_was_written() -> None:
    """Nothing of an option is lost on the way: its name, its text, its default, its range."""
    for name, command in main.commands.items():
        page = " ".join(told(name, "--help").split())
        for option in command.params:
            if isinstance(option, click.Option):
                assert (option.help or "").partition("  [")[0] in page
                assert all(flag in page for flag in option.opts)
    assert "Month in which the fiscal year begins. [default: 1; 1<=x<=12]" in " ".join(
        told("forecast", "-h").split()
    )


@pytest.mark.parametrize("typed", REFUSED)
def test_wrong_usage_is_refused_in_chinese(typed: str) -> None:
    found = CliRunner().invoke(main, ["--lang", "zh", *typed.split()])
    assert found.exit_code == 2
    assert found.output.split("错误：")[1].strip() == REFUSED[typed]


def test_the_hint_names_the_command_that_helps() -> None:
    assert "查看帮助：funnelsim forecast -h\n" in told("forecast", "--by", "moon", "--lang=zh").replace(
        "main", "funnelsim"
    )


def test_near_misses_are_suggested() -> None:
    assert "'forecast'" in told("--lang", "zh", "forcast")
    assert "'--target'" in told("--lang", "zh", "forecast", "--taget", "5M")


def test_the_language_may_come_from_the_environment() -> None:
    assert told("fit", "--help", env={"FUNNELSIM_LANG": "zh"}).startswith("用法：")
    assert told("fit", "--help", "--lang", "en", env={"FUNNELSIM_LANG": "zh"}).startswith("Usage:")
    refused = told("fit", "--draws", "2", env={"FUNNELSIM_LANG": "fr"})
    assert "(env var: 'FUNNELSIM_LANG'): 'fr' is not spoken; use en or zh" in refused


@pytest.mark.parametrize("name", ["zh_CN", "zh-CN", "CN", "zh_CN.UTF-8", "中文"])
def test_a_language_has_several_names(name: str) -> None:
    assert told("fit", "--help", "--lang", name).startswith("用法：")
    assert told("fit", "--help", env={"FUNNELSIM_LANG": name}).startswith("用法：")


def test_a_command_leaves_the_language_as_it_was() -> None:
    with fs.use_language("zh"):
        told("fit", "--help")
        assert language() == "zh"
    assert language() == "en"
