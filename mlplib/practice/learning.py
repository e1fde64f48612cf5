"""Blanks of learning: the update with momentum, the training loop; with the mistakes made in them."""

from itertools import pairwise

import numpy as np

from mlplib.practice.blanks import ENDLESS, Blank
from mlplib.practice.observation import EndlessError
from mlplib.practice.way_forward import weights_of
from mlplib.training import EarlyStopping

# ---- 7: the update with momentum

_ALPHA, _GAMMA = 0.1, 0.8
_SHAPES = {"two matrices of one shape": ((3, 3), (3, 3)), "two matrices of two shapes": ((4, 3), (3, 2))}


def _see_update(look, update):
    for name, shapes in _SHAPES.items():
        rng = np.random.default_rng(3)
        weights, *gradients = ([rng.normal(size=shape) for shape in shapes] for _ in range(4))
        velocities = [np.zeros(shape) for shape in shapes]
        for step, gradient in enumerate(gradients, start=1):
            before = [each.copy() for each in gradient]
            look.call(f"update(...), step {step}, {name}", update, weights, gradient, velocities, _ALPHA, _GAMMA,
                      copied=False, returns=False)
            for layer, W in enumerate(weights):
                look.note(f"weights[{layer}] after step {step}, {name}", W)
            look.note(f"update changes the gradients, step {step}, {name}",
                      not all(map(np.array_equal, gradient, before)))


def _update_with(velocity=lambda v, gradient, alpha, gamma: gamma * v + gradient,
                 step=lambda v, gradient, alpha, gamma: alpha * v, own=lambda velocities, layer: velocities[layer]):
    def update(weights, gradients, velocities, alpha, gamma):
        for layer, (W, gradient) in enumerate(zip(weights, gradients)):
            v = own(velocities, layer)
            v[:] = velocity(v, gradient, alpha, gamma)
            W -= step(v, gradient, alpha, gamma)
    return update


MOMENTUM = Blank(
    "momentum",
    "One update with momentum: v := γ v + ∇C, then W := W − α v, for each matrix; weights and velocities are moved in "
    "place.",
    ("update(weights, gradients, velocities, alpha, gamma)",), _see_update, (_update_with(),),
    look=(3, "Keep some of the last direction"),
    hint="Each matrix has a velocity of its own, which must still be there at the next step.",
    line="v *= gamma; v += gradient; W -= alpha * v")
_PLACE = "v *= gamma; v += gradient; W -= alpha * v        # each line changes an array that is there already"


def _without_state(weights, gradients, velocities, alpha, gamma):
    for W, gradient, v in zip(weights, gradients, velocities):
        v = gamma * v + gradient
        W -= alpha * v


def _of_copies(weights, gradients, velocities, alpha, gamma):
    for W, gradient, v in zip(weights, gradients, velocities):
        v[:] = gamma * v + gradient
        W = W - alpha * v


def _step_first(weights, gradients, velocities, alpha, gamma):
    for W, gradient, v in zip(weights, gradients, velocities):
        W -= alpha * v
        v[:] = gamma * v + gradient


def _gradients_lost(weights, gradients, velocities, alpha, gamma):
    for W, gradient, v in zip(weights, gradients, velocities):
        gradient += gamma * v
        v[:] = gradient
        W -= alpha * v


def _last_matrix_only(weights, gradients, velocities, alpha, gamma):
    _update_with()(weights[-1:], gradients[-1:], velocities[-1:], alpha, gamma)


def _one_velocity(weights, gradients, velocities, alpha, gamma):
    v = velocities[0]
    for W, gradient in zip(weights, gradients):
        if v.shape != W.shape:
            v = np.zeros(W.shape)
        v *= gamma
        v += gradient
        W -= alpha * v


MOMENTUM.mistake(
    "momentum without state", _without_state, line=_PLACE,
    follows="The first step is right. From the second on there is no momentum: a new array was made for v, and the one "
            "in the list is still 0.",
    hint="`v = ...` gives the name v to a new array. What is in the list stays as it was.")
MOMENTUM.mistake(
    "the update of a copy", _of_copies, line=_PLACE,
    follows="The weights have not moved. `W = W − ...` makes a new array and gives it the name W; the network keeps "
            "the old one.",
    hint="`W -= ...` changes the array itself.")
MOMENTUM.mistake(
    "the wrong sign", _update_with(step=lambda v, gradient, alpha, gamma: -alpha * v), look=(1, "Go downhill"),
    line=_PLACE,
    follows="Each step goes uphill: the loss grows.",
    hint="The gradient points to where the loss grows.")
MOMENTUM.mistake(
    "state shared by two layers", _one_velocity, line="for W, gradient, v in zip(weights, gradients, velocities):",
    follows="The second matrix is pushed by what the first one's gradient was. Where shapes differ it would crash.",
    hint="How many velocities does a network with two weight matrices need?")
MOMENTUM.mistake(
    "the step before the velocity", _step_first, line=_PLACE,
    follows="W moves by the velocity of the step before: the first update does nothing, and every gradient comes one "
            "step late, when the weights are elsewhere.",
    hint="The gradient that has just been measured has to be in v before W moves.")
MOMENTUM.mistake(
    "γ for the gradient too", _update_with(velocity=lambda v, gradient, alpha, gamma: gamma * (v + gradient)),
    line=_PLACE,
    follows="Every step is shorter by the factor γ: a learning rate that secretly depends on the momentum.",
    hint="Only the old velocity loses a share.")
MOMENTUM.mistake(
    "an average in place of a sum",
    _update_with(velocity=lambda v, gradient, alpha, gamma: gamma * v + (1 - gamma) * gradient), line=_PLACE,
    follows="With 1 − γ before the gradient v is a running mean. Others define it so; here the steps come out "
            "1 / (1 − γ) times too short, ten times at γ = 0.9.",
    hint="Which factor does the gradient have in the equation of this book?")
MOMENTUM.mistake(
    "α twice", _update_with(velocity=lambda v, gradient, alpha, gamma: gamma * v + alpha * gradient), line=_PLACE,
    follows="α is in the velocity and in the step, so each step has α². At 0.02 that is fifty times too short.",
    hint="α may stand in the velocity or at the step, not at both.")
MOMENTUM.mistake(
    "α and γ exchanged", lambda weights, gradients, velocities, alpha, gamma:
    _update_with()(weights, gradients, velocities, gamma, alpha), line=_PLACE,
    follows="The steps are as long as γ says, and the velocity keeps the share α of what it was.",
    hint="Look at the order of the arguments, and at which of the two multiplies the old velocity.")
MOMENTUM.mistake(
    "no learning rate", _update_with(step=lambda v, gradient, alpha, gamma: v), look=(1, "Go downhill"), line=_PLACE,
    follows="The step is the whole velocity. Such a step overshoots every valley.",
    hint="How far to go is not said by the gradient.")
MOMENTUM.mistake(
    "Nesterov's step", _update_with(step=lambda v, gradient, alpha, gamma: alpha * (gradient + gamma * v)), line=_PLACE,
    follows="That looks ahead by one more step of momentum. It is a rule of its own, and often a good one, but not "
            "the one of this book: the weights come out otherwise.",
    hint="After v is new, the step needs nothing but v.")
MOMENTUM.mistake(
    "the gradients are overwritten", _gradients_lost, line=_PLACE,
    follows="The weights are right, but the caller's gradients have become velocities. Whoever looks at them "
            "afterwards, a gradient check for instance, is misled.",
    hint="Add the gradient to v, not v to the gradient.")
MOMENTUM.mistake(
    "only the last matrix is moved", _last_matrix_only,
    line="for W, gradient, v in zip(weights, gradients, velocities):",
    follows="The other matrices keep their random start: the network learns to use hidden units that never learn.",
    hint="Is the loop left after its first turn, by a return inside it for instance?")

# ---- 8: the training loop

TOO_MANY = 500  # of anything; the longest rehearsal, of one image at a time, has 144 minibatches


def bounded(number, of):
    """End a loop that has had too many of something."""
    if number >= TOO_MANY:
        raise EndlessError(f"the loop goes on after {TOO_MANY} {of}")


class Rehearsal:
    """A network that does not learn, but writes down what is done with it: its validation losses are given.

    Parameters
    ----------
    losses : sequence of float
        On the validation set, from one evaluation to the next; the last one stays.
    validation : array of shape (N, 2)
        Whose first column numbers the samples, as it does in the training set.

    Attributes
    ----------
    minibatches : list of pair of array
        Numbers and labels of the samples of each gradient.
    ends : list of int
        How many minibatches there had been at each evaluation on the validation set.
    n_updates, n_fresh : int
        Updates, and those whose gradient was taken with the weights as they were.
    looked : bool
        Whether anybody asked for the weights.
    """

    def __init__(self, losses, validation):
        self._weights = weights_of(2, 3, 2)
        for W in self._weights:
            W[:] = 0
        self._losses, self._validation = losses, validation
        self.minibatches, self.ends, self.n_updates, self.n_fresh, self.looked = [], [], 0, 0, False
        self._n_losses = 0

    @property
    def weights(self):
        """Each entry is the number of updates so far."""
        self.looked = True
        return self._weights

    @weights.setter
    def weights(self, weights):
        self._weights = weights

    def gradients(self, X, y):
        """Gradients that tell when they were taken, and for which minibatch."""
        bounded(len(self.minibatches), "minibatches")
        self.minibatches.append((np.array(X)[:, 0], np.array(y)))
        return [np.full(W.shape, float(self.n_updates)) for W in self._weights]

    def update(self, gradients):
        """Count an update, in all weights."""
        bounded(self.n_updates, "updates")
        self.n_fresh += int(np.all(gradients[0] == self.n_updates))
        self.n_updates += 1
        for W in self._weights:
            W += 1

    def loss(self, X, y):
        """The next of the given losses; on other samples than the validation set's, something else."""
        bounded(self._n_losses, "losses")
        self._n_losses += 1
        if not np.array_equal(np.array(X)[:, 0], self._validation[:, 0]):
            return 9 / (1 + len(self.minibatches)) + len(X)
        self.ends.append(len(self.minibatches))
        return self._losses[min(len(self.ends), len(self._losses)) - 1]

    def epochs(self):
        """The samples of each epoch, in their order: of all that lies between two evaluations."""
        marks = [0, *self.ends, len(self.minibatches)]
        return [np.concatenate([rows for rows, _ in self.minibatches[start:end]])
                for start, end in pairwise(marks) if end > start]


_REHEARSALS = {
    "rehearsal 1 (a loss that goes up and down)": ([5, 4, 4.5, 4.2, 3, 3.5, 3.2, 3.6, 3.4, 3.3, 3.25], 3, 11),
    "rehearsal 2 (a loss that falls to the end)": ([5, 4, 3, 2], 2, 4),
    "rehearsal 3 (a loss that comes to its lowest twice)": ([3, 2, 2, 2.5, 2, 2.5, 2.2], 4, 12),
    "rehearsal 4 (a loss that never falls below its first)": ([2, 3, 4, 5, 6, 7], 2, 9),
}


def _see_training(look, train):
    for name, (losses, patience, epochs) in _REHEARSALS.items():
        X = np.column_stack([np.arange(12.0), np.ones(12)])
        y = np.arange(12) % 5
        validation = np.column_stack([np.arange(100.0, 108.0), np.ones(8)]), np.arange(8) % 5
        network = Rehearsal(losses, validation[0])
        look.call("train(...)", train, network, [X, y], list(validation), 4, epochs, patience,
                  np.random.default_rng(4), case=f" in {name}")
        look.note(f"number of minibatches in {name}", len(network.minibatches))
        look.note(f"number of updates in {name}", network.n_updates)
        look.note(f"number of updates whose gradient was taken just before in {name}", network.n_fresh)
        look.note(f"number of evaluations on the validation set in {name}", len(network.ends))
        first, *others = network.epochs() or [np.zeros(0)]
        look.note(f"each sample has its turn once in the first epoch in {name}",
                  np.array_equal(np.sort(first), X[:, 0]))
        look.note(f"sizes of the minibatches in {name}", np.unique([len(rows) for rows, _ in network.minibatches]))
        look.note(f"each sample comes with its own label in {name}",
                  all(np.array_equal(labels, rows % 5) for rows, labels in network.minibatches))
        look.note(f"the first epoch takes the samples as they lie in {name}", np.array_equal(first, X[: len(first), 0]))
        look.note(f"two epochs have the same order in {name}", any(np.array_equal(first, each) for each in others))
        look.note(f"the weights are asked for in {name}", network.looked)
        look.note(f"number of updates in the weights at the end in {name}", network.weights[0][0, 0])


def _train(network, training, validation, batch_size, epochs, patience, rng,
           order=lambda rng, n, epoch: rng.permutation(n), starts=lambda n, size: range(0, n - size + 1, size),
           labels=lambda y, rows, start, size: y[rows], step=lambda network, X, y: network.update(
               network.gradients(X, y)), judged=lambda network, training, validation, rows: network.loss(*validation),
           stopping=EarlyStopping, keep=lambda weights: [W.copy() for W in weights], restored=True):
    """The training loop, with parts that can be replaced by wrong ones."""
    X, y = training
    early, losses, best = stopping(patience), [], None
    for epoch in range(epochs):
        shuffled = order(rng, len(X), epoch)
        for start in starts(len(X), batch_size):
            rows = shuffled[start : start + batch_size]
            step(network, X[rows], labels(y, rows, start, batch_size))
        losses.append(judged(network, training, validation, rows))
        if early.is_new_best(losses[-1]) and restored:
            best = keep(network.weights)
        if early.exhausted:
            break
    if restored:
        for W, lowest in zip(network.weights, best):
            W[:] = lowest
    return losses


def _train_with(**parts):
    return lambda *arguments: _train(*arguments, **parts)


TRAINING = Blank(
    "training",
    "Training with minibatches in a new order each epoch; after each epoch the validation loss; stop when `patience` "
    "epochs in a row bring no new lowest one; at the end the weights at the lowest. It returns the validation losses.",
    ("train(network, training, validation, batch_size, epochs, patience, rng)",), _see_training, (_train_with(),),
    look=(2, "Train in ten lines"),
    hint="Say in words what happens for each minibatch, what after each epoch, and what once at the end.",
    line="if loss < lowest: lowest, waited, best = loss, 0, [W.copy() for W in network.weights]")
_STOPPING = (2, "Train as the report did")
_COPY = "best = [W.copy() for W in network.weights]"
_ROWS = "rows = order[start : start + batch_size]; network.update(network.gradients(X[rows], y[rows]))"
_EVALUATE = "loss = network.loss(*validation)"
_WAIT = "if loss < lowest: lowest, waited = loss, 0\nelse: waited += 1\nif waited == patience: break"
_ORDER = "order = rng.permutation(len(X))        # once in each epoch"


class _Late(EarlyStopping):
    @property
    def exhausted(self):
        return self.waited > self.patience


class _Never(EarlyStopping):
    exhausted = False


class _AtOnce(EarlyStopping):
    @property
    def exhausted(self):
        return self.waited >= 1


class _InAll(EarlyStopping):
    def is_new_best(self, validation_loss):
        waited, best = self.waited, super().is_new_best(validation_loss)
        self.waited += waited if best else 0
        return best


class _Ties(EarlyStopping):
    def is_new_best(self, validation_loss):
        self.lowest = np.nextafter(self.lowest, np.inf)
        return super().is_new_best(validation_loss)


class _LastLoss(EarlyStopping):
    def is_new_best(self, validation_loss):
        best = super().is_new_best(validation_loss)
        self.lowest = validation_loss
        return best


class _OneStepLate:
    """Takes each gradient after the update that it was meant for."""

    def __init__(self):
        self.gradients = None

    def __call__(self, network, X, y):
        gradients = network.gradients(X, y)
        network.update(self.gradients if self.gradients is not None else gradients)
        self.gradients = gradients


def _gradient_after_update(*arguments):
    return _train(*arguments, step=_OneStepLate())


def _one_order():
    kept = {}
    return lambda rng, n, epoch: kept.setdefault(id(rng), rng.permutation(n))


def _endless(network, training, validation, batch_size, epochs, patience, rng):
    return _train(network, training, validation, batch_size, 10**6, 10**6, rng)


def _no_updates(network, X, y):
    network.gradients(X, y)


TRAINING.mistake(
    "evaluating on the minibatch", _train_with(judged=lambda network, training, validation, rows: network.loss(
        training[0][rows], training[1][rows])), line=_EVALUATE, look=_STOPPING,
    follows="The loss of the images that the network has just been trained on says nothing about others, and that of "
            "few images is noise: early stopping would follow it.",
    hint="Which images does the network never learn from?")
TRAINING.mistake(
    "evaluating on the training set",
    _train_with(judged=lambda network, training, validation, rows: network.loss(*training)), line=_EVALUATE,
    look=_STOPPING,
    follows="The training loss goes on falling while the network learns its images by heart: early stopping never "
            "notices.",
    hint="Which images does the network never learn from?")
TRAINING.mistake(
    "best weights that are only a reference to the last", _train_with(keep=list), line=_COPY, look=_STOPPING,
    follows="At the end the network has its last weights. They are moved in place, so what is kept without a copy "
            "moves along; or a copy was kept, and not put back.",
    hint="A new name, and a new list too, still hold the same arrays.")
TRAINING.mistake(
    "the last weights are kept", _train_with(restored=False), line=_COPY, look=_STOPPING,
    follows="Training goes on for `patience` epochs after the lowest loss, and the network that comes out is that of "
            "the end.",
    hint="At each new lowest loss, put something aside; at the end, put it back.")
TRAINING.mistake(
    "patience: one epoch too many", _train_with(stopping=_Late), line=_WAIT, look=_STOPPING,
    follows="With a patience of 3 you wait for a fourth epoch without a new lowest loss.",
    hint="How many epochs have been waited for when the counter is equal to patience?")
TRAINING.mistake(
    "patience: counted in all, not in a row", _train_with(stopping=_InAll), line=_WAIT, look=_STOPPING,
    follows="A new lowest loss does not set the counter back, so training ends while it is still getting somewhere.",
    hint="What should a new lowest loss do to the counter?")
TRAINING.mistake(
    "patience: the first rise ends it", _train_with(stopping=_AtOnce), line=_WAIT, look=_STOPPING,
    follows="Validation losses go up and down. Whoever stops at the first rise stops at noise.",
    hint="Count the epochs without a new lowest loss.")
TRAINING.mistake(
    "no early stopping", _train_with(stopping=_Never), line=_WAIT, look=_STOPPING,
    follows="All epochs are run, whatever the validation loss does.",
    hint="Where does the loop ask whether it has waited long enough?")
TRAINING.mistake(
    "compared with the last loss, not with the lowest", _train_with(stopping=_LastLoss), line=_WAIT, look=_STOPPING,
    follows="A loss that has risen far and comes down a little counts as a new best one: the weights that are kept "
            "need not be the best, and the end comes later.",
    hint="Which number is to be remembered from one epoch to the next?")
TRAINING.mistake(
    "an equal loss counts as lower", _train_with(stopping=_Ties), line=_WAIT, look=_STOPPING,
    follows="A loss that has stopped moving sets the counter back again and again, and training does not end.",
    hint="A new lowest loss is lower than all before.")
TRAINING.mistake(
    "X shuffled without y", _train_with(labels=lambda y, rows, start, size: y[start : start + size]), line=_ROWS,
    follows="Each image gets the label of another. Nothing crashes: the network learns, without success, that no "
            "image has to do with any digit.",
    hint="Image and label have to be taken by the same row numbers.")
TRAINING.mistake(
    "no shuffling", _train_with(order=lambda rng, n, epoch: np.arange(n)), line=_ORDER,
    follows="Each epoch has the same minibatches in the same order: if the file is sorted by digit, one of nothing "
            "but zeros, then one of nothing but ones.",
    hint="A new order in each epoch. rng can make one.")
TRAINING.mistake(
    "shuffled once, not in each epoch", _train_with(order=_one_order()), line=_ORDER,
    follows="All epochs have the same minibatches: images that once came together always do.",
    hint="Does the order stand before the loop over epochs, or in it?")
TRAINING.mistake(
    "drawn with replacement", _train_with(order=lambda rng, n, epoch: rng.integers(n, size=n)), line=_ORDER,
    follows="In each epoch some images come twice and about a third of them never. An epoch is when every image has "
            "had its turn.",
    hint="A permutation holds each row number once.")
TRAINING.mistake(
    "the last minibatch is lost", _train_with(starts=lambda n, size: range(0, n - size, size)), line=_ROWS,
    follows="Though the images divide evenly, one minibatch is left out in each epoch.",
    hint="Where does range() stop, with 12 samples and minibatches of 4?")
TRAINING.mistake(
    "one image at a time", _train_with(starts=lambda n, size: range(0, n * size, size), step=lambda network, X, y: [
        network.update(network.gradients(X[i : i + 1], y[i : i + 1])) for i in range(len(X))]), line=_ROWS,
    follows="Each update follows a single image, a poor adviser: the next one may want the opposite.",
    hint="A minibatch is one product of matrices, and one update.")
TRAINING.mistake(
    "the gradient after the update", _gradient_after_update, line=_ROWS,
    follows="Each update takes the gradient of the minibatch before, which was measured where the weights no longer "
            "are.",
    hint="First ask, then move: in this order, for one and the same minibatch.")
TRAINING.mistake(
    "nothing is updated", _train_with(step=_no_updates), line=_ROWS,
    follows="Gradients are taken, and nobody moves the weights.",
    hint="What does the network do with a gradient?")
TRAINING.mistake(
    ENDLESS, _endless, line="for epoch in range(epochs):",
    follows="Where the loss goes on falling, nothing ends the training. The check stopped it.",
    hint="There are two reasons to stop: patience, and the number of epochs.")
