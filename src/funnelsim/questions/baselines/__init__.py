"""Rivals: the methods that people forecast with today, each one file, asked on the same terms as ours.

>>> [rival.name for rival in all_rivals()][3:5]
['stage by time left', 'mean of last 4']
"""

from funnelsim.questions.baselines.additive_chain_ladder import AdditiveChainLadder
from funnelsim.questions.baselines.chain_ladder import ChainLadder
from funnelsim.questions.baselines.mean_of_recent import MeanOfRecent
from funnelsim.questions.baselines.protocol import Rival, RivalError, Samples
from funnelsim.questions.baselines.rivals import all_rivals, by_name
from funnelsim.questions.baselines.seasonal_naive import SeasonalNaive
from funnelsim.questions.baselines.stage_by_time import StageByTimeInPeriod
from funnelsim.questions.baselines.time_series import AutoETS, AutoTheta
from funnelsim.questions.baselines.weighted import WeightedPipeline
from funnelsim.questions.baselines.win_within_period import WinWithinPeriod

__all__ = [
    "all_rivals",
    "by_name",
    "Rival",
    "RivalError",
    "Samples",
    "WeightedPipeline",
    "StageByTimeInPeriod",
    "MeanOfRecent",
    "SeasonalNaive",
    "AutoETS",
    "AutoTheta",
    "ChainLadder",
    "AdditiveChainLadder",
    "WinWithinPeriod",
]
