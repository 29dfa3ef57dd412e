from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

import funnelsim as fs
from funnelsim.engines.futures import _new_bookings
from funnelsim.numerics.amounts import Amounts


def test_answer_does_not_depend_on_the_threads_of_the_matrix_library() -> None:
    # Products this large are cut up among threads; on two cores the last bits then changed.
    history = fs.simulate_history(seed=1)
    pipeline, rng = history.pipeline(), np.random.default_rng(0)
    many = rng.integers(0, pipeline.n_deals, 4_000)
    wide = replace(
        pipeline,
        deal_ids=pipeline.deal_ids[many],
        stage=pipeline.stage[many],
        age_steps=rng.integers(0, 300, len(many)),
        amount=rng.lognormal(10, 1, len(many)),
        attributes={},
    )
    answers = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            outlook = fs.forecast(
                fs.fit(history), wide, periods="12M", engine=fs.MonteCarlo(n_futures=800, n_draws=4)
            )
        answers.append(outlook.draws().tobytes() + outlook.deals.chance.tobytes())
    assert answers[0] == answers[1]


def test_very_many_new_wins_keep_mean_and_spread_of_their_amounts() -> None:
    # Drawn by number at each amount instead of one by one; a wrong mean of 0.1 % or spread of 4 % is seen.
    amounts = Amounts(np.array([1.0, 10.0, 100.0]), np.array([5.0, 3.0, 2.0]), is_certain=True)
    wins, n = 6_000, 20_000
    shares = amounts.weights / amounts.weights.sum()
    drawn = _new_bookings(amounts, np.full((n, 1), wins), shares, np.random.default_rng(5))[:, 0]
    mean = shares @ amounts.points
    variance = shares @ amounts.points**2 - mean**2
    assert abs(drawn.mean() - wins * mean) < 4 * np.sqrt(wins * variance / n)
    assert abs(drawn.var() / (wins * variance) - 1) < 4 * np.sqrt(2 / n)
