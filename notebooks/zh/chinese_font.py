"""让自己用 matplotlib 画的图也能显示汉字；funnelsim 的图不需要。"""

from __future__ import annotations

import matplotlib.pyplot as plt

from funnelsim.faces.plots import fonts


def pictures_in_chinese() -> None:
    """从此用随包提供的字体。"""
    plt.rcParams["font.family"] = fonts.families("汉字")
    plt.rcParams["axes.unicode_minus"] = False
