"""Blanks of learning: the update with momentum, the training loop; with the mistakes made in them."""

import copy
from functools import cache
from itertools import pairwise

import numpy as np

from mlplib.practice.blanks import ENDLESS, Advice, Blank
from mlplib.practice.observation import CLUE, EndlessError
from mlplib.training import EarlyStopping

# ---- 7: the update with momentum

_UPDATES = {"two matrices of one shape, α = 0.1, γ = 0.8": (((3, 3), (3, 3)), 0.1, 0.8),
            "two matrices of two shapes, α = 0.3, γ = 0.5": (((4, 3), (3, 2)), 0.3, 0.5)}


def _see_update(look, update):
    for name, (shapes, alpha, gamma) in _UPDATES.items():
        rng = np.random.default_rng(3)
        weights, *gradients = ([rng.normal(size=shape) for shape in shapes] for _ in range(4))
        velocities = [np.zeros(shape) for shape in shapes]
        for step, gradient in enumerate(gradients, start=1):
            before = [each.copy() for each in gradient]
            look.call(f"update(...), step {step}, {name}", update, weights, gradient, velocities, alpha, gamma,
                      copied=False, returns=False)
            for layer, W in enumerate(weights):
                look.note(f"weights[{layer}] after step {step}, {name}", W)
            clues = {"a velocity is still 0": _is_zero, "the velocities are multiples of the gradients": _are_multiples}
            for clue, holds in clues.items():  # through calls, because the lists may hold anything by now
                look.call(f"{CLUE}{clue} after step {step}, {name}", holds, velocities, before, copied=False)
            look.note(f"update changes the gradients, step {step}, {name}",
                      not all(map(np.array_equal, gradient, before)))


def _is_zero(velocities, gradients):
    return not all(map(np.any, velocities))


def _are_multiples(velocities, gradients):
    return all(np.allclose(v * gradient.flat[0], gradient * v.flat[0]) for v, gradient in zip(velocities, gradients))


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
    "One update with momentum: v := γ v + ∇C, then W := W − α v, for each matrix; afterwards the two lists hold the "
    "new weights and velocities.",
    ("update(weights, gradients, velocities, alpha, gamma)",), _see_update, (_update_with(),),
    (Advice((3, "Keep some of the last direction"),
            "Each matrix has a velocity of its own, which must still be there at the next step.",
            "v *= gamma; v += gradient; W -= alpha * v"),))
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


def _constants(**constants):
    return (lambda weights, gradients, velocities, alpha, gamma: _update_with()(
        weights, gradients, velocities, **({"alpha": alpha, "gamma": gamma} | constants)),)


def _last_matrix_only(weights, gradients, velocities, alpha, gamma):
    _update_with()(weights[-1:], gradients[-1:], velocities[-1:], alpha, gamma)


def _first_matrix_only(weights, gradients, velocities, alpha, gamma):
    _update_with()(weights[:1], gradients, velocities, alpha, gamma)


def _one_velocity(weights, gradients, velocities, alpha, gamma):
    for W, gradient in zip(weights, gradients):
        velocities[0][:] = gamma * velocities[0] + gradient
        W -= alpha * velocities[0]


def _one_velocity_in_place(weights, gradients, velocities, alpha, gamma):
    v = velocities[0]
    for W, gradient in zip(weights, gradients):
        v *= gamma
        v += gradient
        W -= alpha * v


def _one_velocity_of_each_shape(weights, gradients, velocities, alpha, gamma):
    shared = {W.shape: v for W, v in zip(weights, velocities)}
    _update_with()(weights, gradients, [shared[W.shape] for W in weights], alpha, gamma)


MOMENTUM.mistake(
    "momentum without state", _without_state, line=_PLACE,
    follows="The first step is right. From the second on there is no momentum: a new array was made for v, and the one "
            "in the list is still 0.",
    hint="`v = ...` gives the name v to a new array. What is in the list stays as it was.")
MOMENTUM.mistake(
    "a velocity that is kept and not used", _update_with(step=lambda v, gradient, alpha, gamma: alpha * gradient),
    line=_PLACE,
    follows="The first step is right. From the second on the weights follow the gradient alone: that is gradient "
            "descent, and the velocity goes along unheeded.",
    hint="What should the weights follow, the gradient or the velocity?")
MOMENTUM.mistake(
    "the velocity forgets what it was", _update_with(velocity=lambda v, gradient, alpha, gamma: gradient), line=_PLACE,
    also=[(_update_with(velocity=lambda v, gradient, alpha, gamma: alpha * gradient,
                        step=lambda v, gradient, alpha, gamma: v),)],
    follows="The first step is right. From the second on v is the new gradient and nothing else: γ has no part in it, "
            "and that is gradient descent.",
    hint="What of the old velocity should still be in the new one?")
MOMENTUM.mistake(
    "a constant of its own in place of α or γ", *_constants(alpha=0.1),
    also=[_constants(alpha=alpha) for alpha in (0.01, 0.02)] + [_constants(gamma=0.9), _constants(gamma=0.8)],
    line=_PLACE,
    follows="Both were handed in, and for others your network moves as before: nobody can try another α or γ.",
    hint="Which of the arguments does your function never use?")
MOMENTUM.mistake(
    "the update of a copy", _of_copies, line=_PLACE,
    follows="The weights have not moved. `W = W − ...`, for instance, makes a new array and gives it the name W; the "
            "network keeps the old one.",
    hint="`W -= ...` changes the array itself.")
MOMENTUM.mistake(
    "the wrong sign", _update_with(step=lambda v, gradient, alpha, gamma: -alpha * v), look=(1, "Go downhill"),
    line=_PLACE,
    follows="Each step goes uphill: the loss grows.",
    hint="The gradient points to where the loss grows.")
MOMENTUM.mistake(
    "state shared by two layers", _one_velocity, also=[(_one_velocity_in_place,), (_one_velocity_of_each_shape,)],
    line="for W, gradient, v in zip(weights, gradients, velocities):",
    follows="The second matrix is pushed by what the first one's gradient was. Where shapes differ it crashes.",
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
    "only one of the matrices is moved", _last_matrix_only, also=[(_first_matrix_only,)],
    line="for W, gradient, v in zip(weights, gradients, velocities):",
    follows="The others keep their random start, and the network has to make do with units that never learn.",
    hint="Is the loop left after its first turn, by a return inside it for instance?")

# ---- 8: the training loop

TOO_MANY = 500  # of anything; the longest rehearsal, of one image at a time, has 96 minibatches
_FIRST_TAG = 1001  # what gradients are filled with: half of it, or its negative, is no other's
_START = 9000.0  # the validation loss of a network that nobody has trained


def bounded(number, of):
    """End a loop that has had too many of something."""
    if number >= TOO_MANY:
        raise EndlessError(f"the loop goes on after {TOO_MANY} {of}")


class Rehearsal:
    """A network that does not learn, but writes down what moves it: its validation losses are given.

    What is only asked for leaves no trace. Losses may be computed more than once, and gradients that nobody uses.

    Parameters
    ----------
    losses : sequence of float
        On the validation set, from one epoch to the next; the last one stays.
    validation : array of shape (N, 2)
        Whose first column numbers the samples, as it does in the training set.

    Attributes
    ----------
    updates : list of tuple of list, list and int
        Of each update: numbers and labels of the samples of its gradient, and how many updates lay between the two. A
        gradient that was changed on its way has no samples and None.
    ends : list of int
        How many updates there had been at the evaluations on the validation set, if there were new ones.
    looked, touched : bool
        Whether anybody asked for the weights; and whether anybody did, or set them, after the last evaluation.
    disturbed : bool
        Whether the weights, at an evaluation, were not those that the updates had made.
    """

    def __init__(self, losses, validation):
        self._weights = [np.zeros((2, 3)), np.zeros((3, 2))]
        self._losses, self._numbers = losses, validation[:, 0].tolist()
        self._gradients, self.updates, self.ends, self._n_losses = [], [], [], 0
        self.looked = self.touched = self.disturbed = False

    def __getstate__(self):  # a copy of the whole network has its weights too
        self.looked = True
        return self.__dict__.copy()

    @property
    def weights(self):
        """Each entry is the number of updates so far."""
        self.looked = self.touched = True
        return self._weights

    @weights.setter
    def weights(self, weights):
        self.touched = True
        self._weights = weights

    def gradients(self, X, y):
        """Gradients that tell, by their entries, which they are."""
        bounded(len(self._gradients), "minibatches")
        tag = float(_FIRST_TAG + len(self._gradients))
        X = np.asarray(X, float)
        if X.ndim != 2:
            raise ValueError(f"X has the shape {X.shape}, and should have one row for each sample")
        self._gradients.append((X[:, 0].tolist(), np.asarray(y).tolist(), len(self.updates)))
        return [np.full((2, 3), tag), np.full((3, 2), tag)]

    def update(self, gradients):
        """Write down which gradient it is, and count it, in all weights."""
        bounded(len(self.updates), "updates")
        one, other = map(np.asarray, gradients)
        tag = one.flat[0]
        number = tag - _FIRST_TAG
        if (one == tag).all() and (other == tag).all() and number in range(len(self._gradients)):
            rows, labels, taken = self._gradients[int(number)]
            self.updates.append((rows, labels, len(self.updates) - taken))
        else:
            self.updates.append(([], [], None))
        for W in self._weights:
            W += 1

    def loss(self, X, y):
        """The loss of the epoch, however often it is asked for; on other samples than the validation set's, another."""
        bounded(self._n_losses, "losses")
        self._n_losses += 1
        if np.asarray(X)[:, 0].tolist() != self._numbers:
            return 9 / (1 + len(self.updates)) + len(X)
        if len(self.updates) > max(self.ends, default=0):
            self.ends.append(len(self.updates))
            self.disturbed |= not self._is_after(len(self.updates))
        self.touched = False
        return self._losses[min(len(self.ends), len(self._losses)) - 1] if self.ends else _START

    def is_at_its_best(self):
        """Whether the weights are those that they were at the lowest loss, at the first if it came more than once."""
        n_seen = min(len(self.ends), len(self._losses))
        return self._is_after(self.ends[int(np.argmin(self._losses[:n_seen]))] if n_seen else 0)

    def _is_after(self, n_updates):
        """Whether the weights are those after so many updates."""
        try:
            one, other = map(np.asarray, self._weights)
            return (one.shape, other.shape) == ((2, 3), (3, 2)) and bool(
                (one == n_updates).all() and (other == n_updates).all())
        except Exception:  # somebody gave it something else for weights
            return False

    def epochs(self):
        """The minibatches of each epoch, which is all between two evaluations: lists of pairs of numbers and labels."""
        marks = [0, *self.ends, len(self.updates)]
        return [[(rows, labels) for rows, labels, _ in self.updates[start:end]]
                for start, end in pairwise(marks) if end > start]


# By name: validation losses; the number of samples, batch_size, epochs, patience.
_REHEARSALS = {
    "rehearsal 1 (a loss that goes up and down)": ([5, 4, 4.5, 3, 3.5, 3.2, 3.6], 12, 6, 10, 3),
    "rehearsal 2 (a loss that falls to the end)": ([5, 4, 3], 9, 3, 3, 2),
    "rehearsal 3 (a loss that comes to its lowest twice)": ([3, 2, 2, 2.5, 2, 2.5], 8, 4, 7, 2),
    "rehearsal 4 (large losses, and patience for one epoch)": ([4000, 2000, 3000, 5000], 8, 4, 5, 1),
    "rehearsal 5 (the epochs end after the lowest loss)": ([5, 2, 3], 8, 4, 3, 2),
}
_UNEVEN = "rehearsal 6 (14 samples, minibatches of 4)"


@cache
def _samples(first, n):
    """Samples that are numbered from `first` on, with labels: they are copied before anybody gets them."""
    numbers = first + np.arange(float(n))
    return [np.column_stack([numbers, np.ones(n)]), (numbers % 5).astype(int)]


def _rehearse(look, train, case, losses, n, batch_size, epochs, patience, seed=4, returns=True):
    """Have one rehearsal."""
    validation = _samples(100 * patience, 2 * batch_size)
    network = Rehearsal(losses, validation[0])
    look.call("train(...)", train, network, _samples(0, n), validation, batch_size, epochs, patience,
              np.random.default_rng(seed), case=f" in {case}", returns=returns)
    return network


def _see_minibatches(look, epochs, n, batch_size, case):
    """What holds with and without a last minibatch that is incomplete: both are right."""
    sizes = {len(rows) for minibatches in epochs for rows, _ in minibatches} - {n % batch_size}
    samples = [[number for rows, _ in minibatches for number in rows] for minibatches in epochs]
    look.note(f"size of the smallest minibatch in {case}", min(sizes, default=0))
    look.note(f"size of the largest minibatch in {case}", max(sizes, default=0))
    look.note(f"a sample comes twice in a minibatch in {case}",
              any(len(set(rows)) < len(rows) for minibatches in epochs for rows, _ in minibatches))
    look.note(f"a sample comes twice in an epoch in {case}", any(len(set(each)) < len(each) for each in samples))
    look.note(f"more samples are left out of an epoch than an incomplete minibatch has in {case}",
              any(len(set(each)) < n - n % batch_size for each in samples))
    return samples


def _see_training(look, train):
    for case, (losses, n, batch_size, *limits) in _REHEARSALS.items():
        network = _rehearse(look, train, case, losses, n, batch_size, *limits)
        epochs, late = network.epochs(), [late for *_, late in network.updates]
        look.note(f"number of epochs with updates in {case}", len(epochs))
        look.note(f"number of updates in the first epoch of {case}", len(epochs[0]) if epochs else 0)
        look.note(f"a gradient was changed before its update in {case}", None in late)
        look.note(f"between a gradient and its update lies another update in {case}", any(late))
        look.note(f"between a gradient and its update lie two others in {case}", max(filter(None, late), default=0) > 1)
        samples = _see_minibatches(look, epochs, n, batch_size, case)
        look.note(f"each sample comes with its own label in {case}",
                  all(labels == [number % 5 for number in rows] for rows, labels, _ in network.updates))
        look.note(f"samples of the validation set are trained on in {case}",
                  any(max(each, default=0) >= 100 for each in samples))
        first, *others = samples or [[]]
        look.note(f"the first epoch takes the samples as they lie in {case}", first == list(range(len(first))))
        look.note(f"the samples of each minibatch are neighbours in {case}",
                  all(other - one == 1 for rows, *_ in network.updates for one, other in pairwise(rows)))
        look.note(f"two epochs have the same order in {case}", first in others)
        if case == next(iter(_REHEARSALS)):
            look.note(f"{CLUE}the weights are asked for in {case}", network.looked)
            look.note(f"{CLUE}the weights are asked for or set after the last loss in {case}", network.touched)
        look.note(f"the weights are set back before the end in {case}", network.disturbed)
        look.note(f"the weights at the end are those of the lowest loss in {case}", network.is_at_its_best())
    orders = []
    for seed in (4, 4, 5):
        network = _rehearse(look, train, _UNEVEN, [3], 14, 4, 1, 2, seed, returns=False)
        orders.append(_see_minibatches(look, network.epochs(), 14, 4, _UNEVEN))
    look.note("a generator with the same seed leads to the same order", orders[0] == orders[1])
    look.note("a generator with another seed leads to another order", orders[0] != orders[2])


def _one_by_one(network, minibatches):
    for X, y in minibatches:
        network.update(network.gradients(X, y))


def _restore(network, best):
    network.weights = best


def _train(network, training, validation, batch_size, epochs, patience, rng,
           order=lambda rng, n, epoch: rng.permutation(n),
           cut=lambda rng, order, size: [order[i : i + size] for i in range(0, len(order) - size + 1, size)],
           labels=lambda y, rows, number: y[rows], between=lambda minibatches: [minibatches], step=_one_by_one,
           judged=lambda network, training, validation, minibatches: network.loss(*validation),
           stopping=EarlyStopping, keep=lambda weights: [W.copy() for W in weights], restored=_restore, at_stop=None,
           kept_at_start=False, without=lambda: None, result=lambda losses, early: losses):
    """The training loop, with parts that can be replaced by wrong ones."""
    X, y = training
    early, losses = stopping(patience), []
    best = keep(network.weights) if kept_at_start else None

    def trained():
        """Do an epoch, or a part of one after which comes an evaluation."""
        for epoch in range(epochs):
            minibatches = [(X[rows], labels(y, rows, number)) for number, rows in enumerate(
                cut(rng, order(rng, len(X), epoch), batch_size))]
            for part in between(minibatches):
                step(network, part)
                yield part

    finish = restored
    for part in trained():
        losses.append(judged(network, training, validation, part))
        if early.is_new_best(losses[-1]) and keep is not None:
            best = keep(network.weights)
        if early.exhausted:
            finish = at_stop or restored
            break
    if best is not None:
        finish(network, best)
    else:
        without()
    return result(losses, early)


def _train_with(**parts):
    return lambda *arguments: _train(*arguments, **parts)


TRAINING = Blank(
    "training",
    "Training with minibatches in a new order each epoch; after each epoch the validation loss; stop when `patience` "
    "epochs in a row bring no new lowest one; at the end the weights at the lowest. It returns the validation losses.",
    ("train(network, training, validation, batch_size, epochs, patience, rng)",), _see_training, (_train_with(),),
    (Advice((2, "Train in ten lines"),
            "Say in words what happens for each minibatch, what after each epoch, and what once at the end.",
            "if loss < lowest: lowest, waited, best = loss, 0, [W.copy() for W in network.weights]"),))
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


class _Early(EarlyStopping):
    @property
    def exhausted(self):
        return self.waited >= self.patience - 1


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

    def __call__(self, network, minibatches):
        for X, y in minibatches:
            gradients = network.gradients(X, y)
            network.update(self.gradients if self.gradients is not None else gradients)
            self.gradients = gradients


def _gradient_after_update(*arguments):
    return _train(*arguments, step=_OneStepLate())


def _one_order(*arguments):
    kept = {}
    return _train(*arguments, order=lambda rng, n, epoch: kept.setdefault(n, rng.permutation(n)))


def _endless(network, training, validation, batch_size, epochs, patience, rng):
    return _train(network, training, validation, batch_size, 10**6, 10**6, rng)


def _no_updates(network, minibatches):
    for X, y in minibatches:
        network.gradients(X, y)


def _last_only(network, minibatches):
    _one_by_one(network, minibatches[-1:])


def _other_epochs(more, **otherwise):
    return lambda network, training, validation, batch_size, epochs, patience, rng: _train(
        network, training, validation, batch_size, epochs + more, patience, rng, **otherwise)


def _twice(network, minibatches):
    _one_by_one(network, [minibatch for minibatch in minibatches for _ in range(2)])


def _each_gradient_twice(network, minibatches):
    for X, y in minibatches:
        gradients = network.gradients(X, y)
        network.update(gradients)
        network.update(gradients)


def _gradients_first(network, minibatches):
    for gradients in [network.gradients(X, y) for X, y in minibatches]:
        network.update(gradients)


def _divided_again(network, minibatches):
    for X, y in minibatches:
        network.update([gradient / len(X) for gradient in network.gradients(X, y)])


def _pieces_in_new_order(rng, order, size):
    return [order[i * size : (i + 1) * size] for i in rng.permutation(len(order) // size)]


def _exchanged(network, training, validation, *others):
    return _train(network, validation, training, *others)


def _in_place(network, training, validation, batch_size, epochs, patience, rng):
    def order(rng, n, epoch):
        rows = rng.permutation(n)
        for each in training:
            each[:] = each[rows]
        return np.arange(n)

    return _train(network, training, validation, batch_size, epochs, patience, rng, order=order)


def _images_in_place(network, training, validation, batch_size, epochs, patience, rng):
    def order(rng, n, epoch):
        rng.shuffle(training[0])
        return np.arange(n)

    return _train(network, training, validation, batch_size, epochs, patience, rng, order=order)


def _evaluated_between(network, training, validation, *others):
    losses = []

    def step(network, minibatches):
        for minibatch in minibatches:
            _one_by_one(network, [minibatch])
            losses.append(network.loss(*validation))

    return _train(network, training, validation, *others, step=step, judged=lambda *arguments: losses[-1],
                  result=lambda *arguments: losses)


def _evaluated_before(network, training, validation, batch_size, epochs, patience, rng):
    early, losses, best = EarlyStopping(patience), [], None
    for _ in range(epochs):
        losses.append(network.loss(*validation))
        if early.is_new_best(losses[-1]):
            best = [W.copy() for W in network.weights]
        if early.exhausted:
            break
        _train(network, training, validation, batch_size, 1, 1, rng, judged=lambda *arguments: 0.0, keep=None)
    network.weights = best
    return losses


def _put_back_at_once(*arguments):
    kept = []

    def judged(network, training, validation, minibatches):
        loss = network.loss(*validation)
        if not kept or loss < kept[0]:
            kept[:] = loss, copy.deepcopy(network.weights)
        else:
            network.weights = copy.deepcopy(kept[1])
        return loss

    return _train(*arguments, judged=judged)


def _crash():
    raise UnboundLocalError


def _starting(lowest, **otherwise):
    """A lowest loss that starts at a number; and what may be done if there are no best weights at the end."""
    def __post_init__(self):
        self.lowest = lowest
    return _train_with(stopping=type("Starting", (EarlyStopping,), {"__post_init__": __post_init__}), **otherwise)


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
    "evaluating after each minibatch", _train_with(between=lambda minibatches: [[each] for each in minibatches]),
    also=[(_evaluated_between,)], line=_EVALUATE, look=_STOPPING,
    follows="There are as many losses as minibatches. Each costs a pass through the whole validation set, and where "
            "patience counts them too it is over long before the epoch is.",
    hint="Does the evaluation stand in the loop over minibatches, or behind it?")
TRAINING.mistake(
    "evaluating before the epoch", _evaluated_before, line=_EVALUATE, look=_STOPPING,
    follows="The first loss is that of the start, and the last epoch is never judged.",
    hint="What has happened when the first loss is taken, and what after the last?")
TRAINING.mistake(
    "training and validation exchanged", _exchanged, look=_STOPPING, line=_EVALUATE,
    follows="The network learns from the images that were kept to judge it, and is judged by those that it should "
            "learn from.",
    hint="Which of the two pairs do the minibatches come from?")
TRAINING.mistake(
    "best weights that are only a reference to the last", _train_with(keep=list), line=_COPY, look=_STOPPING,
    follows="At the end the network has its last weights. They are moved in place, so what is kept without a copy "
            "moves along.",
    hint="A new name, and a new list too, still hold the same arrays.")
TRAINING.mistake(
    "a copy that is not put back", _train_with(restored=lambda network, best: None),
    line=_COPY + "        # and at the end: network.weights = best", look=_STOPPING,
    follows="The weights were asked for on the way, but at the end the network has its last ones all the same.",
    hint="Who gives the network the weights that you have kept, and when?")
TRAINING.mistake(
    "the last weights are kept", _train_with(keep=None), line=_COPY, look=_STOPPING,
    follows="Nothing was put aside on the way. Training goes on for `patience` epochs after the lowest loss, and the "
            "network that comes out is that of the end.",
    hint="At each new lowest loss, put something aside; at the end, put it back.")
TRAINING.mistake(
    "put back only where patience ends it",
    _train_with(restored=lambda network, best: None, at_stop=_restore), look=_STOPPING,
    line="network.weights = best        # behind the loop, not in it",
    follows="Where training stops early the weights are the best. Where the epochs run out they are the last, though "
            "the lowest loss was earlier.",
    hint="There are two ways out of the loop. Which of them comes by the line that puts the weights back?")
TRAINING.mistake(
    "put back only where the epochs run out", _train_with(at_stop=lambda network, best: None), look=_STOPPING,
    line="break        # and not return: the weights are put back behind the loop",
    follows="Where the epochs run out the weights are the best. Where patience ends the training they are the last, "
            "which are worse by then.",
    hint="There are two ways out of the loop. Which of them comes by the line that puts the weights back?")
TRAINING.mistake(
    "put back after each worse epoch", _put_back_at_once, look=_STOPPING,
    line="network.weights = best        # behind the loop, not in it",
    follows="After an epoch without a new lowest loss the network goes back to its best weights. It tries the same "
            "place again and again, and `patience` waits for nothing.",
    hint="A loss may rise before it falls further. What may the network do in the meantime?")
TRAINING.mistake(
    "no loss counts as a new lowest one", _starting(1.0), line=_WAIT, look=_STOPPING,
    also=[(_starting(lowest, **otherwise),) for lowest in (1.0, 100.0)
          for otherwise in ({"kept_at_start": True}, {"without": _crash}) ] + [(_starting(100.0),)],
    follows="In a rehearsal, at least, no epoch counted as a new lowest one, and no weights were kept. Is the number "
            "that you begin with larger than every loss could be, and the comparison the right way round?",
    hint="The first loss of all has to count, however large it is.")
TRAINING.mistake(
    "patience: one epoch too many", _train_with(stopping=_Late), line=_WAIT, look=_STOPPING,
    follows="With a patience of 3 you wait for a fourth epoch without a new lowest loss.",
    hint="How many epochs have been waited for when the counter is equal to patience?")
TRAINING.mistake(
    "patience: one epoch too few", _train_with(stopping=_Early), line=_WAIT, look=_STOPPING,
    follows="With a patience of 3 you end after two epochs without a new lowest loss, and with a patience of 1 after "
            "the first epoch of all.",
    hint="What is the counter after an epoch that brought a new lowest loss?")
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
    "X shuffled without y", _train_with(
        labels=lambda y, rows, number: y[number * len(rows) : (number + 1) * len(rows)]),
    also=[(_images_in_place,)], line=_ROWS,
    follows="Each image gets the label of another. Nothing crashes: the network learns, without success, that no "
            "image has to do with any digit.",
    hint="Image and label have to be taken by the same row numbers.")
TRAINING.mistake(
    "the training set is shuffled in place", _in_place, line=_ORDER,
    follows="The minibatches are right, but the caller's images and labels lie in another order afterwards. Whoever "
            "trains a second network with the same arrays does not repeat the first.",
    hint="Row numbers can be shuffled in place of rows.")
TRAINING.mistake(
    "no shuffling", _train_with(order=lambda rng, n, epoch: np.arange(n)), line=_ORDER,
    follows="Each epoch has the same minibatches in the same order: if the file is sorted by digit, one of nothing "
            "but zeros, then one of nothing but ones.",
    hint="A new order in each epoch. rng can make one.")
TRAINING.mistake(
    "shuffled once, not in each epoch", _one_order, line=_ORDER,
    follows="All epochs have the same minibatches: images that once came together always do.",
    hint="Does the order stand before the loop over epochs, or in it?")
TRAINING.mistake(
    "an order that rng has no part in", _train_with(order=lambda rng, n, epoch: np.random.default_rng().permutation(n)),
    line=_ORDER,
    also=[(_train_with(order=lambda rng, n, epoch: np.random.default_rng(epoch).permutation(n)),),
          (_train_with(order=lambda rng, n, epoch: np.random.default_rng(0).permutation(n)),)],
    follows="The order is random, but it does not follow the generator that was handed in: nobody can repeat the run, "
            "or try another seed.",
    hint="Which of the arguments does your function never use?")
TRAINING.mistake(
    "minibatches shuffled, not samples", _train_with(
        order=lambda rng, n, epoch: np.arange(n), cut=_pieces_in_new_order), line=_ORDER,
    follows="The minibatches come in a new order, but each holds the same neighbours for ever. If the file is sorted "
            "by digit, each minibatch knows one digit only.",
    hint="What has to be mixed so that two neighbours need not come together?")
TRAINING.mistake(
    "drawn with replacement", _train_with(order=lambda rng, n, epoch: rng.integers(n, size=n)), line=_ORDER,
    follows="In each epoch some images come twice and about a third of them never. An epoch is when every image has "
            "had its turn.",
    hint="A permutation holds each row number once.")
TRAINING.mistake(
    "each minibatch drawn anew from all", _train_with(cut=lambda rng, order, size: [
        rng.choice(len(order), size, replace=False) for _ in range(len(order) // size)]), line=_ROWS,
    follows="Within a minibatch no image comes twice, but within an epoch some do, and others have no turn.",
    hint="One order for the whole epoch, of which each minibatch takes the next piece.")
TRAINING.mistake(
    "the last minibatch is lost", _train_with(cut=lambda rng, order, size: [
        order[i : i + size] for i in range(0, len(order) - size, size)]), line=_ROWS,
    follows="Though the images divide evenly, one minibatch is left out in each epoch.",
    hint="Where does range() stop, with 12 samples and minibatches of 4?")
TRAINING.mistake(
    "minibatches of other sizes", _train_with(cut=lambda rng, order, size: np.array_split(order, len(order) // size)),
    line=_ROWS,
    follows="You divide the images into equal parts. Where `batch_size` does not divide their number, the parts are "
            "larger than it, and the step is not that of the minibatches that were asked for.",
    hint="How large is each minibatch with 14 images and a batch size of 4, but perhaps for the last?")
TRAINING.mistake(
    "one image at a time", _train_with(cut=lambda rng, order, size: order[:, np.newaxis]), line=_ROWS,
    follows="Each update follows a single image, a poor adviser: the next one may want the opposite.",
    hint="A minibatch is one product of matrices, and one update.")
TRAINING.mistake(
    "all images at once", _train_with(cut=lambda rng, order, size: [order]), line=_ROWS,
    follows="There is one update in each epoch. It follows the gradient of all images, and many small steps would have "
            "led further in the same time.",
    hint="Is the gradient asked for rows, or for the whole of X?")
TRAINING.mistake(
    "two updates for each minibatch", _train_with(step=_twice), also=[(_train_with(step=_each_gradient_twice),)],
    line=_ROWS,
    follows="There are twice as many updates as minibatches, so the learning rate is in effect twice as large.",
    hint="How often is update called in one turn of the inner loop?")
TRAINING.mistake(
    "all gradients before the first update", _train_with(step=_gradients_first), line=_ROWS,
    follows="All gradients of an epoch are measured at the same place. After the first update the weights are "
            "elsewhere, and those that follow are out of date.",
    hint="First ask, then move, then ask again.")
TRAINING.mistake(
    "the gradient after the update", _gradient_after_update, line=_ROWS,
    follows="Each update takes the gradient of the minibatch before, which was measured where the weights no longer "
            "are.",
    hint="First ask, then move: in this order, for one and the same minibatch.")
TRAINING.mistake(
    "a gradient changed on its way to the update", _train_with(step=_divided_again), line=_ROWS,
    follows="What the network gives as its gradient is the mean over the minibatch already, and α is the update's own "
            "business: your steps have another length than was asked for.",
    hint="What network.gradients returns is what network.update takes.")
TRAINING.mistake(
    "nothing is updated", _train_with(step=_no_updates), line=_ROWS,
    follows="Gradients are taken, and nobody moves the weights: the loss stays what it was.",
    hint="What does the network do with a gradient?")
TRAINING.mistake(
    "one loss in place of all", _train_with(result=lambda losses, early: early.lowest),
    also=[(_train_with(result=lambda losses, early: losses[-1]),)], line="return losses", look=_STOPPING,
    follows="A single number comes back. The curve of the validation loss, by which one sees how training went, is "
            "lost.",
    hint="One loss for each epoch: what collects them?")
TRAINING.mistake(
    "an epoch too many or too few", _other_epochs(1), line="for _ in range(epochs):",
    also=[(_other_epochs(-1),), (_other_epochs(-1, without=_crash),)],
    follows="Where patience does not end the training, `epochs` should.",
    hint="How many numbers does range(3) give?")
TRAINING.mistake(
    "one update for each epoch", _train_with(step=_last_only), line=_ROWS,
    also=[(_train_with(step=_last_only, cut=lambda rng, order, size: [
        order[i : i + size] for i in range(0, len(order), size)]),)],
    follows="Only the last minibatch of each epoch moves the weights; the others were cut out for nothing.",
    hint="How far must the lines be moved in that belong to each minibatch?")
TRAINING.mistake(
    ENDLESS, _endless, line="for epoch in range(epochs):",
    follows="Where the loss goes on falling, nothing ends the training. The check stopped it.",
    hint="There are two reasons to stop: patience, and the number of epochs.")
