"""PyTorch, eager, as its tutorials write it."""

from functools import partial

import numpy as np

from benchmarks.tasks import THREADS, data_as
from benchmarks.whole import train

name, requires = "PyTorch, eager", ("torch",)


def as_tensors(X, y):
    import torch

    return torch.tensor(X), torch.tensor(y)


def prepare(task):
    import torch

    torch.set_num_threads(THREADS)
    sets = data_as(as_tensors)
    X, y = sets[0]

    class ImprovedSigmoid(torch.nn.Module):
        def forward(self, z):
            return 1.7159 * torch.tanh(2 / 3 * z)

    layers = []
    for W in task.weights():
        layer = torch.nn.Linear(*W.shape, bias=False)
        layer.weight.data = torch.tensor(np.ascontiguousarray(W.T))
        layers += [layer, ImprovedSigmoid() if task.activation == "improved_sigmoid" else torch.nn.Sigmoid()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(network.parameters(), lr=task.learning_rate, momentum=task.gamma)
    cross_entropy = torch.nn.CrossEntropyLoss()

    def epoch(batches):
        losses = []
        for rows in torch.from_numpy(batches):
            optimizer.zero_grad()
            loss = cross_entropy(network(X[rows]), y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return np.array(losses)

    @torch.no_grad()
    def figures():
        logits = [(network(X), y) for X, y in sets]
        return [figure.item() for z, y in logits
                for figure in (cross_entropy(z, y), (z.argmax(dim=1) == y).float().mean())]

    epoch.weights = lambda: [W.detach().numpy().T for W in network.parameters()]
    epoch.figures = figures
    return epoch


whole = partial(train, prepare=prepare)
