"""What a reader may write into the blanks: two right versions of each, written differently."""

import numpy as np

# ---- as the notebook's lines suggest it


def sigmoid(z):
    return (1 + np.tanh(z / 2)) / 2


def slope(a):
    return a * (1 - a)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(z, y):
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean()


def forward(X, weights, f):
    inputs = [X]
    for W in weights[:-1]:
        inputs.append(f(inputs[-1] @ W))
    return inputs, inputs[-1] @ weights[-1]


def output_delta(y_hat, y):
    delta = y_hat.copy()
    delta[np.arange(len(y)), y] -= 1
    return delta / len(y)


def backward(inputs, delta, weights, slope):
    gradients = []
    for layer in reversed(range(len(weights))):
        gradients.insert(0, inputs[layer].T @ delta)
        if layer > 0:
            delta = slope(inputs[layer]) * (delta @ weights[layer].T)
    return gradients


def numerical_gradient(loss, W, epsilon):
    gradient = np.zeros(W.shape)
    for index in np.ndindex(W.shape):
        value = W[index]
        W[index] = value + epsilon
        above = loss()
        W[index] = value - epsilon
        below = loss()
        W[index] = value
        gradient[index] = (above - below) / (2 * epsilon)
    return gradient


def update(weights, gradients, velocities, alpha, gamma):
    for W, gradient, v in zip(weights, gradients, velocities):
        v *= gamma
        v += gradient
        W -= alpha * v


def train(network, training, validation, batch_size, epochs, patience, rng):
    X, y = training
    losses, lowest, waited = [], np.inf, 0
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for start in range(0, len(X) - batch_size + 1, batch_size):
            rows = order[start:start + batch_size]
            network.update(network.gradients(X[rows], y[rows]))
        losses.append(network.loss(*validation))
        if losses[-1] < lowest:
            lowest, waited = losses[-1], 0
            best = [W.copy() for W in network.weights]
        else:
            waited += 1
        if waited == patience:
            break
    network.weights = best
    return losses


# ---- otherwise


def piecewise_sigmoid(z):
    z = np.asarray(z)
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), 1 - 1 / (1 + np.exp(-np.abs(z))))


def log_softmax_by_logaddexp(z):
    return z - np.logaddexp.reduce(z, axis=1)[:, np.newaxis]


def cross_entropy_by_loop(z, y):
    total = 0
    for row, label in zip(z, y):
        total -= row[label] - np.logaddexp.reduce(row)
    return float(total) / len(z)


def forward_by_recursion(X, weights, f):
    if len(weights) == 1:
        return (X,), np.dot(X, weights[0])
    rest, z = forward_by_recursion(f(np.dot(X, weights[0])), weights[1:], f)
    return (X, *rest), z


def output_delta_by_one_hot(y_hat, y):
    return y_hat / len(y) - np.eye(y_hat.shape[1])[y] / len(y)


def backward_by_einsum(inputs, delta, weights, slope):
    deltas = [delta]
    for a, W in zip(inputs[:0:-1], weights[::-1]):
        deltas.append(np.einsum("nk,jk->nj", deltas[-1], W, optimize=True) * a * (1 - a))
    return [np.einsum("ni,nj->ij", a, d, optimize=True) for a, d in zip(inputs, deltas[::-1])]


def numerical_gradient_by_matrix(loss, W, epsilon):
    kept, slopes = W.copy(), []
    for i in range(W.size):
        push = epsilon * (np.arange(W.size) == i).reshape(W.shape)
        W[:] = kept + push
        above = loss()
        W[:] = kept - push
        slopes.append((above - loss()) / epsilon / 2)
    W[:] = kept
    return np.array(slopes).reshape(W.shape)


def update_with_the_rate_inside(weights, gradients, velocities, alpha, gamma):
    for i in range(len(weights)):
        velocities[i] = gamma * velocities[i] - alpha * gradients[i]
        weights[i] = weights[i] + velocities[i]


def train_by_while(network, training, validation, batch_size, epochs, patience, rng):
    rows, best_epoch, history, kept = np.arange(len(training[0])), 0, [], {}
    while len(history) < epochs and len(history) - 1 - best_epoch < patience:
        rng.shuffle(rows)
        for minibatch in np.array_split(rows, len(rows) // batch_size):
            gradients = network.gradients(training[0][minibatch], training[1][minibatch])
            network.update(gradients)
        network.loss(*training)  # a curve of one's own does no harm
        history.append(network.loss(*validation))
        if history[-1] < min(history[:-1], default=np.inf):
            best_epoch = len(history) - 1
            kept = {number: np.array(W) for number, W in enumerate(network.weights)}
    for number, W in kept.items():
        network.weights[number][...] = W
    return np.array(history)


FIRST = {
    "sigmoid": (sigmoid, slope), "softmax": (softmax, cross_entropy), "forward": (forward,), "delta": (output_delta,),
    "backward": (backward,), "gradient check": (numerical_gradient,), "momentum": (update,), "training": (train,),
}
SECOND = {
    "sigmoid": (piecewise_sigmoid, lambda a: a - np.square(a)),
    "softmax": (lambda z: np.exp(log_softmax_by_logaddexp(z)), cross_entropy_by_loop),
    "forward": (forward_by_recursion,), "delta": (output_delta_by_one_hot,), "backward": (backward_by_einsum,),
    "gradient check": (numerical_gradient_by_matrix,), "momentum": (update_with_the_rate_inside,),
    "training": (train_by_while,),
}
