"""The Monte Carlo engine on a cluster: joblib takes the tasks there, no code of ours."""

from __future__ import annotations

import joblib
import numpy as np
import pytest

import funnelsim as fs


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the cluster's own starting and stopping
def test_two_workers_of_a_dask_cluster_give_the_answer_of_one_process() -> None:
    distributed = pytest.importorskip("distributed", reason="needs dask's distributed (extra dev)")
    history = fs.simulate_history(seed=1)
    funnel, pipeline = fs.fit(history), history.pipeline()
    engine = fs.MonteCarlo(n_futures=1_200, n_draws=60, workers=-1)
    alone = fs.forecast(funnel, pipeline, engine=fs.MonteCarlo(n_futures=1_200, n_draws=60))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        spread = fs.forecast(funnel, pipeline, engine=engine)
        ran = client.run(lambda dask_worker: len(dask_worker.state.tasks) + dask_worker.state.executed_count)
    assert sum(ran.values()) >= 3, "the batches did not run on the cluster"
    np.testing.assert_array_equal(spread.draws(), alone.draws())
    np.testing.assert_array_equal(spread.deals.chance, alone.deals.chance)
