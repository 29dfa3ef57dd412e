from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

import funnelsim as fs


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
