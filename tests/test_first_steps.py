"""The first hundred steps of training: the same losses to 1e-4 on every processor; `make test-portable` tries them."""

import numpy as np
import pytest

from mlplib import Experiment, trainer_for

LOSSES = {
    "": [3.57416, 2.99068, 1.96957, 1.72800, 1.81927],
    "init sigmoid momentum": [2.41714, 1.19910, 0.42769, 0.60116, 0.64621],
}


@pytest.mark.parametrize("tricks", LOSSES)
def test_the_first_hundred_steps_have_the_same_losses_on_every_processor(tricks):
    trainer = trainer_for(Experiment(epochs=1).with_tricks(**dict.fromkeys(tricks.split(), True)))
    for progress in trainer:
        if progress.step >= 100:
            break
    np.testing.assert_allclose(trainer.history.minibatch_loss[[0, 24, 49, 74, 99]], LOSSES[tricks], rtol=0, atol=1e-4)
