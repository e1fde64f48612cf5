"""Bad input over the whole public surface: the promised error, by name, and nothing changed by the attempt.

A case is a line: an expression, the type of its error, and words of the message, the argument's name among them. What
an expression speaks of is made in `world`; all of it, the files included, must afterwards be what it was.
"""

import hashlib
import inspect
import os
import pickle
import re
import runpy
import shutil
import subprocess
import sys
import warnings
from collections import deque
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers import made_up_run
from matplotlib import pyplot as plt

import mlplib
from mlplib import (
    MLP,
    SGD,
    EarlyStopping,
    Experiment,
    Momentum,
    Standardizer,
    Trainer,
    evidence,
    practice,
    report,
    store,
    sweeps,
    widgets,
)

ROOT = Path(__file__).resolve().parents[1]
T, V = TypeError, ValueError

CASES = {
    "network": [
        ("MLP(64)", T, "hidden: expected a sequence of layer widths"),
        ("MLP('64')", T, "hidden: expected a sequence"),
        ("MLP({64, 32})", T, "hidden: expected a sequence"),
        ("MLP({64: 1})", T, "hidden: expected a sequence"),
        ("MLP(iter([64]))", T, "hidden: expected a sequence"),
        ("MLP(b'@')", T, "hidden: expected a sequence"),
        ("MLP(None)", T, "hidden: expected a sequence"),
        ("MLP(np.array([[64]]))", T, "hidden: expected a sequence"),
        ("MLP(np.ma.masked_equal([64, 32], 32))", T, "hidden: expected a sequence"),
        ("MLP((64.0,))", T, "hidden[0]: expected an integer"),
        ("MLP((True,))", T, "hidden[0]: expected an integer"),
        ("MLP((64, 0))", V, "hidden[1]: expected an integer of at least 1"),
        ("MLP((10**5000,))", V, "hidden[0]: expected an integer of at least 1"),
        ("MLP(activation='relu')", V, "activation: expected one of"),
        ("MLP(activation=['sigmoid'])", V, "activation: expected one of"),
        ("MLP(init=None)", V, "init: expected one of"),
        ("MLP(biases=b'input')", V, "biases: expected one of"),
        ("MLP(seed=-1)", V, "seed: expected an integer of at least 0"),
        ("MLP(seed=1.0)", T, "seed: expected an integer"),
        ("MLP(seed=None)", T, "seed: expected an integer"),
        ("MLP(seed=10**5000)", V, "seed: expected an integer"),
        ("MLP(seed=np.array([1]))", T, "seed: expected an integer"),
        ("MLP(dtype='int')", V, "dtype: expected float32 or float64"),
        ("MLP(dtype=np.longdouble)", V, "dtype: expected float32 or float64"),
        ("MLP(dtype='nonsense')", V, "dtype: expected float32 or float64"),
        ("MLP(dtype='>f8')", V, "dtype: expected float32 or float64"),
        ("MLP(dtype=[])", V, "dtype: expected float32 or float64"),
        ("MLP(n_inputs=0)", V, "n_inputs: expected an integer"),
        ("MLP(n_classes=1)", V, "n_classes: expected an integer"),
        ("MLP(input_gain=0)", V, "input_gain: expected a finite number other than 0"),
        ("MLP(output_gain='1')", T, "output_gain: expected a finite number"),
        ("MLP(offset=NAN)", V, "offset: expected a finite number"),
        ("MLP(offset=Decimal(1))", T, "offset: expected a finite number"),
        ("MLP(init_scale=1j)", T, "init_scale: expected a finite number"),
        ("MLP(init_scale=(1, 0))", V, "init_scale[1]: expected a finite number other than 0"),
        ("MLP(init_scale=(1, 1, 1))", V, "init_scale: expected a number, or 2, one for each weight matrix, got 3"),
        ("MLP(hiden=(3,))", T, "hiden"),
        ("mlp.forward(X[:, :3])", V, "X: expected a numeric array of shape (N, 4), got shape (6, 3)"),
        ("mlp.forward(X[0])", V, "X: expected a numeric array of shape (N, 4)"),
        ("mlp.forward(X[:0])", V, "X: expected a numeric array of shape (N, 4) with at least one row"),
        ("mlp.forward(None)", T, "X: expected a numeric array"),
        ("mlp.forward('abc')", T, "X: expected a numeric array"),
        ("mlp.forward({1: 2})", T, "X: expected a numeric array"),
        ("mlp.forward(X.astype(object))", T, "X: expected a numeric array"),
        ("mlp.forward(X > 0)", T, "X: expected a numeric array"),
        ("mlp.forward(X * 1j)", T, "X: expected a numeric array"),
        ("mlp.forward([[1, 2], [3]])", V, "X: expected a numeric array"),
        ("mlp.forward(iter(X))", T, "X: expected a numeric array"),
        ("mlp.forward(X * NAN)", V, "X: expected finite values, got nan in row 0, column 0"),
        ("mlp.forward(X * 1e300)", V, "X: expected finite values, got inf"),
        ("mlp.forward(np.ma.masked_greater(X, 0))", T, "X: expected a numeric array of shape (N, 4), got a masked"),
        ("mlp.forward([np.ma.masked_greater(row, 0) for row in X])", T, "X: expected a numeric array"),
        ("mlp.predict(X.T)", V, "X: expected a numeric array"),
        ("mlp.predict([[]])", V, "X: expected a numeric array"),
        ("mlp.evaluate(X, y[:-1])", V, "y: expected 6 integer labels"),
        ("mlp.evaluate(X, y * 1.0)", T, "y: expected 6 integer labels"),
        ("mlp.evaluate(X, y > 0)", T, "y: expected 6 integer labels"),
        ("mlp.evaluate(X, y + 1)", V, "y: expected 6 integer labels from 0 to 2, got 3"),
        ("mlp.evaluate(X, [*'012012'])", T, "y: expected 6 integer labels"),
        ("mlp.evaluate(X, np.ma.masked_equal(y, 1))", T, "y: expected 6 integer labels, got a masked"),
        ("mlp.evaluate(X, list(np.ma.masked_equal(y, 1)))", T, "y: expected 6 integer labels"),
        ("mlp.loss(X, y[:, None])", V, "y: expected 6 integer labels"),
        ("mlp.loss(X, set(y))", T, "y: expected 6 integer labels"),
        ("mlp.accuracy(X, None)", T, "y: expected 6 integer labels"),
        ("mlp.accuracy(X, np.full(6, 2**63, np.uint64))", V, "y: expected 6 integer labels"),
        ("mlp.gradients(X, y - 1)", V, "y: expected 6 integer labels from 0 to 2, got -1"),
        ("with_weights(None).forward(X)", T, "weights: expected"),
        ("with_weights(mlp.weights[:1]).forward(X)", V, "weights: expected 2 matrices, got 1"),
        ("with_weights([*mlp.weights, mlp.weights[0]]).predict(X)", V, "weights: expected 2 matrices, got 3"),
        ("with_weights([None, None]).predict(X)", V, "weights[0]: expected an array"),
        ("with_weights([W.tolist() for W in mlp.weights]).loss(X, y)", V, "weights[0]: expected an array"),
        ("with_weights([W * NAN for W in mlp.weights]).forward(X)", V, "weights[0]: expected finite numbers"),
        ("with_weights([W.astype(float) for W in mlp.weights]).evaluate(X, y)", V, "weights[0]: expected an array"),
        ("with_weights([np.ma.masked_greater(W, 0) for W in mlp.weights]).forward(X)", V, "weights[0]: expected an"),
        ("with_weights([np.full_like(W, 3e38) for W in mlp.weights]).gradients(X, y)", V, "weights: expected some"),
        ("hessian_vector_product('mlp', X, y, mlp.weights)", T, "model: expected an MLP"),
        ("hessian_vector_product(MLP, X, y, mlp.weights)", T, "model: expected an MLP, got the class MLP"),
        ("hessian_vector_product(mlp, X[:, :3], y, mlp.weights)", V, "X: expected a numeric array of shape (N, 4)"),
        ("hessian_vector_product(mlp, X, y + 1, mlp.weights)", V, "y: expected 6 integer labels from 0 to 2, got 3"),
        ("hessian_vector_product(mlp, X, y, None)", T, "direction: expected a sequence of arrays"),
        ("hessian_vector_product(mlp, X, y, mlp.weights[:1])", V, "direction: expected 2 arrays, got 1"),
        ("hessian_vector_product(mlp, X, y, mlp.weights[0])", T, "direction: expected a sequence"),
        ("hessian_vector_product(mlp, X, y, [W.T for W in mlp.weights])", V, "direction[0]: expected a numeric array"),
        ("hessian_vector_product(mlp, X, y, [W * NAN for W in mlp.weights])", V, "direction[0]: expected finite"),
        ("hessian_vector_product(mlp, X, y, [W * 1j for W in mlp.weights])", T, "direction[0]: expected a numeric"),
        ("hessian_vector_product(mlp, X, y, [np.full(W.shape, 1e300) for W in mlp.weights])", V, "direction[0]: exp"),
        ("hessian_vector_product(mlp, X, y, [np.ma.masked_greater(W, 0) for W in mlp.weights])", T, "direction[0]: "),
        ("hessian_vector_product(with_weights([W * NAN for W in mlp.weights]), X, y, mlp.weights)", V, "weights[0]: "),
        ("spectrum('mlp', X, y)", T, "model: expected an MLP"),
        ("spectrum(mlp, X[:0], y[:0])", V, "X: expected a numeric array"),
        ("spectrum(mlp, X, y, n_largest=0)", V, "n_largest and n_smallest: expected together 1 to"),
        ("spectrum(mlp, X, y, n_largest=10**6)", V, "n_largest and n_smallest: expected together 1 to"),
        ("spectrum(mlp, X, y, n_largest=-1)", V, "n_largest: expected an integer"),
        ("spectrum(mlp, X, y, n_smallest=1.0)", T, "n_smallest: expected an integer"),
        ("spectrum(mlp, X, y, tolerance=0)", V, "tolerance: expected a number from 1e-6"),
        ("spectrum(mlp, X, y, tolerance='1e-3')", T, "tolerance: expected a number from 1e-6"),
        ("spectrum(mlp, X, y, seed=-1)", V, "seed: expected an integer"),
        ("check_gradients('mlp', X, y)", T, "model: expected one such as MLP"),
        ("check_gradients(MLP, X, y)", T, "model: expected one such as MLP"),
        ("check_gradients(mlp, X, y, n_weights=0)", V, "n_weights: expected an integer"),
        ("check_gradients(mlp, X, y, epsilon=NAN)", V, "epsilon: expected a positive"),
        ("check_gradients(mlp, X, y, epsilon='5e-5')", T, "epsilon: expected a positive"),
        ("check_gradients(mlp, X, y, epsilon=1e-20)", V, "epsilon: expected a number that moves each weight"),
        ("check_gradients(mlp, X, y, epsilon=1e300)", V, "epsilon: expected a positive"),
        ("check_gradients(mlp, X, y, seed=1.5)", T, "seed: expected an integer"),
        ("check_gradients(mlp, X[:, :2], y)", V, "X: expected a numeric array"),
    ],
    "mathematics": [
        ("losses.one_hot([0.5])", T, "labels: expected"),
        ("losses.one_hot([10])", V, "labels: expected"),
        ("losses.one_hot([[1]])", V, "labels: expected"),
        ("losses.one_hot([1], n_classes='3')", T, "n_classes: expected an integer"),
        ("losses.one_hot([1], n_classes=0)", V, "n_classes: expected an integer"),
        ("losses.one_hot([1], dtype=object)", V, "dtype: expected float32 or float64"),
        ("activations.activation('relu')", V, "name: expected one of"),
        ("activations.activation('sigmoid', 0)", V, "input_gain: expected a finite number other than 0"),
        ("activations.activation('sigmoid', output_gain='2')", T, "output_gain: expected a finite number"),
        ("activations.activation('sigmoid', offset=NAN)", V, "offset: expected a finite number"),
        ("inputs.halves([[0, 1], [1, 0]])", V, "labels: expected"),
        ("inputs.halves([0.5, NAN])", T, "labels: expected"),
        ("inputs.halves([0, 1], seed='0')", T, "seed: expected an integer"),
        ("inputs.standardized_mnist(third=-1)", V, "third: expected an integer"),
        ("inputs.standardized_mnist(third=3)", V, "third: expected"),
        ("inputs.standardized_mnist(third=None)", T, "third: expected an integer"),
        ("inputs.standardized_mnist(inputs='raw')", V, "inputs: expected one of"),
        ("inputs.standardized_mnist(inputs=['raw'])", V, "inputs: expected one of"),
        ("next(inputs.held_out_pieces(-1, 'standardized'))", V, "third: expected"),
        ("next(inputs.held_out_pieces(0, 'raw'))", V, "inputs: expected one of"),
    ],
    "data": [
        ("load_mnist(3)", T, "folder: expected a path"),
        ("load_mnist(b'data')", T, "folder: expected a path"),
        ("load_mnist(['data'])", T, "folder: expected a path"),
        ("load_mnist('a\\0b')", V, "folder: expected a path"),
        ("load_mnist(folder / 'missing')", FileNotFoundError, "MNIST file is missing: expected train-images"),
        ("load_mnist(folder / 'a file')", FileNotFoundError, "MNIST file is missing: expected train-images"),
        ("load_mnist(foldr='x')", T, "foldr"),
        ("Standardizer.fit(images / 255)", T, "images: expected a uint8 array"),
        ("Standardizer.fit(images.astype(int))", T, "images: expected a uint8 array"),
        ("Standardizer.fit(images[:, :5])", V, "images: expected a uint8 array of shape (N, 784)"),
        ("Standardizer.fit(images[:0])", V, "images: expected a uint8 array of shape (N, 784) with at least one"),
        ("Standardizer.fit(images * 0)", V, "images: expected pixels that vary"),
        ("Standardizer.fit(None)", T, "images: expected a uint8 array"),
        ("Standardizer.fit(np.ma.masked_equal(images, 0))", T, "images: expected a uint8 array"),
        ("Standardizer.fit([np.ma.masked_equal(image, 0) for image in images])", T, "images: expected a uint8"),
        ("Standardizer('0', 1)", T, "mean: expected a finite number"),
        ("Standardizer(NAN, 1)", V, "mean: expected a finite number"),
        ("Standardizer(0, 0)", V, "std: expected a positive finite number"),
        ("Standardizer(0, True)", T, "std: expected a positive finite number"),
        ("Standardizer(1e300, 1)", V, "mean: expected a number that float32 can hold"),
        ("Standardizer(0, 1e-37)", V, "std: expected"),
        ("Standardizer(3e38, 0.1)", V, "std: expected"),
        ("Standardizer(0)", T, "std"),
        ("scale(images / 255)", T, "images: expected a uint8 array"),
        ("scale(images[0])", V, "images: expected a uint8 array"),
        ("scale(images, dtype=int)", V, "dtype: expected float32 or float64"),
        ("scale(images, dtype='nonsense')", V, "dtype: expected float32 or float64"),
        ("DataSet(3, (X, y), (X, y))", T, "name: expected a string"),
        ("DataSet('mine', X, (X, y))", T, "train: expected a sequence of samples and their labels"),
        ("DataSet('mine', (X, y, y), (X, y))", V, "train: expected a pair of samples and labels, got 3"),
        ("DataSet('mine', (X, y), None)", T, "validation: expected a sequence of samples and their labels"),
        ("DataSet('mine', ('XX', y), (X, y))", T, "train[0]: expected an array of numbers"),
        ("DataSet('mine', (X[0], y), (X, y))", V, "train[0]: expected an array of numbers, of shape (N, ...)"),
        ("DataSet('mine', (X * NAN, y), (X, y))", V, "train[0]: expected finite numbers, got nan in sample 0"),
        ("DataSet('mine', (X * 0, y), (X * 0, y))", V, "train: expected samples that vary, got the constant 0"),
        ("DataSet('mine', (X, y), (X[:, :3], y))", V, "validation: expected samples of 4 numbers, as in train, got 3"),
        ("DataSet('mine', (X, y / 2), (X, y))", T, "train[1]: expected integer labels"),
        ("DataSet('mine', (X, y[:5]), (X, y))", V, "train[1]: expected 6 labels, one for each sample"),
        ("DataSet('mine', (X, y - 1), (X, y))", V, "train[1]: expected labels from 0, got -1 to 1"),
        ("DataSet('mine', (X, y + 1), (X, y + 1))", V, "train[1]: expected labels from 0, got 1 to 3; subtract 1"),
        ("DataSet('mine', (X, y * 0), (X, y * 0))", V, "train[1]: expected at least two classes"),
        ("DataSet('mine', (X, y * 10**9), (X, y))", V, "train[1]: expected classes 0, 1, 2, ..., got labels as large"),
        ("DataSet('mine', (X, [0, 2] * 3), (X, y))", V, "train[1]: expected 1 or more samples of each class"),
        ("DataSet('mine', (X, y * 2), (X, y * 2))", V, "train[1]: expected classes 0 to 4, got no sample of class 1"),
        ("DataSet('mine', (X, y), (X[:3], y[:3]))", V, "validation[1]: expected 2 or more samples of each class"),
        ("DataSet('mine', (np.ma.masked_less(X, 0), y), (X, y))", T, "train[0]: expected an array of numbers"),
        ("DataSet.described('mine', 'd', 1, 2, 3, 4)", V, "n_inputs: expected an integer of at least 2"),
        ("DataSet.described('mine', 0, 2, 2, 3, 4)", T, "digest: expected a string"),
        ("DataSet.described('mine', 'd', 5, 3, 6, 6).pairs()", V, "data: expected 'mine' with its samples"),
        ("read_idx(3)", T, "path: expected a path"),
        ("read_idx(folder / 'missing')", FileNotFoundError, "missing: expected an IDX file"),
        ("read_idx(folder / 'a file')", V, "expected an IDX file, which begins with 0, 0"),
        ("read_idx(folder / 'some.zip')", V, "expected an IDX file, which begins with 0, 0"),
    ],
    "optimizers": [
        ("SGD(0)", V, "learning_rate: expected a positive finite number"),
        ("SGD(-1)", V, "learning_rate: expected a positive finite number"),
        ("SGD(NAN)", V, "learning_rate: expected a positive finite number"),
        ("SGD(np.inf)", V, "learning_rate: expected a positive finite number"),
        ("SGD('0.1')", T, "learning_rate: expected a positive finite number"),
        ("SGD(True)", T, "learning_rate: expected a positive finite number"),
        ("SGD(Decimal('0.1'))", T, "learning_rate: expected a positive finite number"),
        ("SGD(Fraction(1, 10**400))", V, "learning_rate: expected a positive finite number"),
        ("SGD(10**5000)", V, "learning_rate: expected a positive finite number"),
        ("SGD(np.longdouble('1e-4000'))", V, "learning_rate: expected a positive finite number"),
        ("SGD(np.array([0.1]))", T, "learning_rate: expected a positive finite number"),
        ("SGD(0.1, gamma=0.9)", T, "gamma"),
        ("SGD(Unprintable())", T, "learning_rate: expected a positive finite number"),
        ("SGD(list(range(10**5)))", T, "learning_rate: expected a positive finite number"),
        ("Momentum(0.1, 1)", V, "gamma: expected a number of at least 0 and below 1"),
        ("Momentum(0.1, -0.1)", V, "gamma: expected a number"),
        ("Momentum(0.1, None)", T, "gamma: expected a number"),
        ("Momentum(0.1, 1 - Fraction(1, 10**30))", V, "gamma: expected a number"),
        ("Momentum(lr=0.1)", T, "lr"),
    ] + [
        (f"{one}.{method}({weights}, {gradients})", error, said)
        for one, method in (("sgd", "update"), ("sgd", "moves"), ("momentum", "update"), ("momentum", "moves"))
        for weights, gradients, error, said in (
            ("matrices", "gradients[:1]", V, "gradients: expected 2"),
            ("matrices", "[*gradients, gradients[0]]", V, "gradients: expected 2"),
            ("matrices", "[g[:1] for g in gradients]", V, "gradients[0]: expected an array of shape (4, 3)"),
            ("matrices", "[gradients[0], 1.0]", V, "gradients[1]: expected an array"),
            ("matrices", "[g * 1j for g in gradients]", V, "gradients[0]: expected an array"),
            ("matrices", "None", T, "gradients: expected a sequence"),
            ("matrices", "iter(gradients)", T, "gradients: expected a sequence"),
            ("matrices", "dict(enumerate(gradients))", T, "gradients: expected a sequence"),
            ("matrices", "[np.ma.masked_greater(g, 0) for g in gradients]", V, "gradients[0]: expected an array"),
            ("3", "gradients", T, "weights: expected a sequence"),
            ("[W.tolist() for W in matrices]", "gradients", V, "weights[0]: expected an array"),
            ("[matrices[0], read_only(matrices[1])]", "gradients", V, "weights[1]: expected an array that can be"),
            ("[W.astype(int) for W in matrices]", "gradients", V, "weights[0]: expected an array"),
        )
    ] + [
        ("momentum.update([W.copy() for W in matrices], gradients)", V, "optimizer: expected one whose velocities"),
        ("momentum.check_network([W.copy() for W in matrices])", V, "optimizer: expected one whose velocities"),
        ("momentum.check_network(matrices[:1])", V, "optimizer: expected one whose velocities"),
        ("momentum.check_network(3)", T, "weights: expected a sequence"),
    ],
    "training": [
        ("Trainer()", T, "positional argument"),
        ("Trainer(mlp, SGD(), (X, y))", T, "positional argument"),
        ("trainer_of(model=MLP)", T, "model: expected one such as MLP((64,)), got the class MLP"),
        ("trainer_of(model='MLP')", T, "model: expected one such as MLP((64,)), got str"),
        ("trainer_of(model=None)", T, "model: expected one such as"),
        ("trainer_of(optimizer=SGD)", T, "optimizer: expected one such as"),
        ("trainer_of(optimizer=0.1)", T, "optimizer: expected one such as"),
        ("trainer_of(optimizer={'update': 1})", T, "optimizer: expected one such as"),
        ("trainer_of(optimizer=SGD(1e-300))", V, "optimizer.learning_rate: expected a number that float32 can hold"),
        ("trainer_of(optimizer=momentum)", V, "optimizer: expected one whose velocities are of these weights"),
        ("trainer_of(optimizer=tampered('0.1'))", T, "learning_rate: expected a positive"),
        ("trainer_of(optimizer=tampered(NAN))", V, "learning_rate: expected a positive"),
        ("trainer_of(train=X)", T, "train: expected a pair (X, y)"),
        ("trainer_of(train=None)", T, "train: expected a pair (X, y)"),
        ("trainer_of(train=(X, y, y))", T, "train: expected a pair (X, y)"),
        ("trainer_of(train=(X * NAN, y))", V, "train X: expected finite values"),
        ("trainer_of(train=(X, y + 9))", V, "train y: expected 6 integer labels"),
        ("trainer_of(train=(X[:0], y[:0]))", V, "train X: expected"),
        ("trainer_of(validation=(y, X))", V, "validation X: expected"),
        ("trainer_of(validation=(X[:2], y))", V, "validation y: expected 2 integer labels"),
        ("trainer_of(batch_size=7)", V, "batch_size: expected at most the 6 training samples"),
        ("trainer_of(batch_size=0)", V, "batch_size: expected an integer of at least 1"),
        ("trainer_of(batch_size=2.0)", T, "batch_size: expected an integer"),
        ("trainer_of(epochs=0)", V, "epochs: expected an integer"),
        ("trainer_of(epochs=10**30)", V, "epochs: expected an integer"),
        ("trainer_of(patience=0)", V, "patience: expected an integer"),
        ("trainer_of(patience='5')", T, "patience: expected an integer"),
        ("trainer_of(evaluations_per_epoch=-1)", V, "evaluations_per_epoch: expected an integer"),
        ("trainer_of(seed=-1)", V, "seed: expected an integer"),
        ("trainer_of(shuffle=1)", T, "shuffle: expected True or False"),
        ("trainer_of(subsets=[1])", T, "subsets: expected a dict with names as keys"),
        ("trainer_of(subsets={1: y > 0})", T, "subsets: expected a dict with names as keys"),
        ("trainer_of(subsets={'validation': y > 0})", V, "subsets: expected other names than 'validation'"),
        ("trainer_of(subsets={'odd': y})", V, "subsets['odd']: expected a bool array"),
        ("trainer_of(subsets={'odd': y > 5})", V, "subsets['odd']: expected a bool array"),
        ("trainer_of(subsets={'odd': None})", V, "subsets['odd']: expected a bool array"),
        ("trainer_of(stop_on=())", V, "stop_on: expected at least one name"),
        ("trainer_of(stop_on='validation')", T, "stop_on: expected a sequence of names"),
        ("trainer_of(stop_on={'validation'})", T, "stop_on: expected a sequence of names"),
        ("trainer_of(stop_on=['half_3'])", V, "stop_on[0]: expected one of"),
        ("trainer_of(stop_on=['validation'] * 2)", V, "stop_on: expected different names"),
        ("trainer_of(dense_steps=-1)", V, "dense_steps: expected an integer"),
        ("trainer_of(dense_steps=10**30)", V, "dense_steps: expected an integer"),
        ("trainer_of(observe=3)", T, "observe: expected a function"),
        ("trainer_of(batchsize=3)", T, "batchsize"),
        ("trainer.run(progress='no')", T, "progress: expected True or False"),
        ("trainer.run(progress=None)", T, "progress: expected True or False"),
        ("trainer.order('0')", T, "epoch: expected an integer"),
        ("trainer.order(-1)", V, "epoch: expected an integer"),
        ("trainer.order(7)", V, "epoch: expected"),
        ("trainer.check_divergence('2')", T, "train_loss: expected a number"),
        ("trainer.check_divergence(None)", T, "train_loss: expected a number"),
        ("trainer.check_divergence(np.ma.masked)", T, "train_loss: expected a number"),
        ("EarlyStopping(0)", V, "patience: expected an integer"),
        ("EarlyStopping(2.5)", T, "patience: expected an integer"),
        ("EarlyStopping(True)", T, "patience: expected an integer"),
        ("EarlyStopping(5, lowest=1)", T, "lowest"),
        ("rule.is_new_best('0.1')", T, "validation_loss: expected a number"),
        ("rule.is_new_best(None)", T, "validation_loss: expected a number"),
        ("rule.is_new_best(True)", T, "validation_loss: expected a number"),
        ("rule.is_new_best(np.array([0.1, 0.2]))", T, "validation_loss: expected a number"),
        ("rule.is_new_best(np.ma.masked)", T, "validation_loss: expected a number"),
        ("history.until('3')", T, "step: expected an integer"),
        ("history.until(2.5)", T, "step: expected an integer"),
        ("history.until([1, 2])", T, "step: expected an integer"),
        ("history.until(True)", T, "step: expected an integer"),
        ("history.step_reaching('0.1')", T, "train_loss: expected a finite number"),
        ("history.step_reaching(NAN)", V, "train_loss: expected a finite number"),
        ("history.step_reaching([0.1])", T, "train_loss: expected a finite number"),
    ],
    "experiments": [
        ("Experiment(64)", T, "hidden: expected a sequence"),
        ("Experiment({64, 32})", T, "hidden: expected a sequence"),
        ("Experiment((64, -1))", V, "hidden[1]: expected an integer"),
        ("Experiment(init='xavier')", V, "init: expected one of"),
        ("Experiment(activation='tanh')", V, "activation: expected one of"),
        ("Experiment(gamma=1)", V, "gamma: expected a number"),
        ("Experiment(gamma='0.9')", T, "gamma: expected a number"),
        ("Experiment(seed=-1)", V, "seed: expected an integer"),
        ("Experiment(seed='0')", T, "seed: expected an integer"),
        ("Experiment(seed=10**5000)", V, "seed: expected an integer"),
        ("Experiment(learning_rate=0)", V, "learning_rate: expected a positive finite number"),
        ("Experiment(learning_rate=1e-300)", V, "learning_rate: expected a number that float32 can hold"),
        ("Experiment(learning_rate=1e300)", V, "learning_rate: expected a number that float32 can hold"),
        ("Experiment(biases=None)", V, "biases: expected one of"),
        ("Experiment(shuffle=0)", T, "shuffle: expected True or False"),
        ("Experiment(batch_size=0)", V, "batch_size: expected an integer"),
        ("Experiment(batch_size=20_001)", V, "batch_size: expected at most"),
        ("Experiment(epochs=0.5)", T, "epochs: expected an integer"),
        ("Experiment(epochs=10**30)", V, "epochs: expected an integer"),
        ("Experiment(patience=0)", V, "patience: expected an integer"),
        ("Experiment(n_train=20_001)", V, "n_train: expected at most"),
        ("Experiment(data=(X, y))", T, "data: expected a DataSet"),
        ("Experiment(data=DataSet('mine', (X, y), (X, y)), n_train=7)", V, "n_train: expected at most"),
        ("Experiment(data=DataSet('mine', (X, y), (X, y)))", V, "batch_size: expected at most n_train = 6"),
        ("Experiment(batch_size=2, third=1, data=DataSet('mine', (X, y), (X, y)))", V, "third: expected 0"),
        ("Experiment(input_gain=0)", V, "input_gain: expected a finite number other than 0"),
        ("Experiment(input_gain=1e300)", V, "input_gain: expected a number that float32 can hold"),
        ("Experiment(output_gain=NAN)", V, "output_gain: expected a finite number"),
        ("Experiment(output_gain=1e-300)", V, "output_gain: expected a number that float32 can hold"),
        ("Experiment(offset='0')", T, "offset: expected a finite number"),
        ("Experiment(offset=1e300)", V, "offset: expected a number that float32 can hold"),
        ("Experiment(init_scale=0)", V, "init_scale: expected a finite number other than 0"),
        ("Experiment(init_scale=1e300)", V, "init_scale: expected a number that float32 can hold"),
        ("Experiment(init_scale=(1, 1e300))", V, "init_scale: expected a number that float32 can hold"),
        ("Experiment((8, 4), init_scale=(1, 1))", V, "init_scale: expected a number, or 3, one for each"),
        ("Experiment(init_scale=('1', 1))", T, "init_scale[0]: expected a finite number"),
        ("Experiment(gamma=0.9, momentum_in=5)", T, "momentum_in: expected a sequence of two integers"),
        ("Experiment(gamma=0.9, momentum_in=(1, 2, 3))", V, "momentum_in: expected two integers"),
        ("Experiment(gamma=0.9, momentum_in=(0, 0.5))", T, "momentum_in: expected an integer"),
        ("Experiment(gamma=0.9, momentum_in=(-1, 5))", V, "momentum_in: expected an integer of at least 0"),
        ("Experiment(gamma=0.9, momentum_in=(5, 5))", V, "momentum_in: expected the first of some updates, and"),
        ("Experiment(momentum_in=(0, 5))", V, "momentum_in: expected None where gamma is 0"),
        ("Experiment(straight_through=1)", T, "straight_through: expected True or False"),
        ("Experiment(third=3)", V, "third: expected"),
        ("Experiment(inputs='raw')", V, "inputs: expected one of"),
        ("Experiment(evaluations_per_epoch=0)", V, "evaluations_per_epoch: expected an integer"),
        ("Experiment(dense_steps=None)", T, "dense_steps: expected an integer"),
        ("Experiment(stop_on={'half_1', 'half_2'})", T, "stop_on: expected a sequence of names"),
        ("Experiment(stop_on=[])", V, "stop_on: expected at least one name"),
        ("Experiment(judge_on='held_out')", T, "judge_on: expected a sequence of names"),
        ("Experiment(judge_on=['test'])", V, "judge_on[0]: expected one of"),
        ("Experiment(diagnostics=['layers', 'layers'])", V, "diagnostics: expected different names"),
        ("Experiment(lr=0.1)", T, "lr"),
        ("e.with_tricks(dropout=True)", T, "dropout: expected one of the tricks"),
        ("e.with_tricks(init='no')", T, "init: expected True or False"),
        ("e.with_tricks(sigmoid=1)", T, "sigmoid: expected True or False"),
        ("e.with_tricks(momentum=None)", T, "momentum: expected True or False"),
        ("catalogue.trick_experiment('111')", T, "tricks: expected a sequence"),
        ("catalogue.trick_experiment([True])", V, "tricks: expected 3"),
        ("catalogue.trick_experiment([1, 0, 1])", T, "tricks[0]: expected True or False"),
        ("catalogue.trick_experiment({True, False})", T, "tricks: expected a sequence"),
        ("catalogue.topology_experiment(64, -1)", V, "depth: expected an integer"),
        ("catalogue.topology_experiment(64, 2.5)", T, "depth: expected an integer"),
        ("catalogue.topology_experiment('64', 1)", T, "width: expected an integer"),
        ("catalogue.topology_experiment(0, 0)", V, "width: expected an integer"),
        ("trainer_for({'seed': 1})", T, "experiment: expected an Experiment, got dict"),
        ("trainer_for(Experiment)", T, "experiment: expected an Experiment"),
        ("mlplib.run('3c')", T, "experiment: expected an Experiment, got str"),
        ("mlplib.run([e])", T, "experiment: expected an Experiment, got list"),
        ("mlplib.run(e, progress='no')", T, "progress: expected True or False"),
        ("running.model_for(None)", T, "experiment: expected an Experiment"),
        ("running.probed_gradient_rms(mlp, 'e')", T, "experiment: expected an Experiment"),
        ("running.probed_gradient_rms(running.model_for(e), e, n_images=-1)", V, "n_images: expected an integer"),
        ("running.probed_gradient_rms(running.model_for(e), e, n_images=0)", V, "n_images: expected an integer"),
        ("reproduce('3c')", T, "tasks: expected a sequence"),
        ("reproduce({'3a', '3c'})", T, "tasks: expected a sequence"),
        ("reproduce(iter(['3c']))", T, "tasks: expected a sequence"),
        ("reproduce(['9z'])", V, "tasks[0]: expected one of"),
        ("reproduce([3])", V, "tasks[0]: expected one of"),
        ("reproduce(['3c'], n_jobs=0)", V, "n_jobs: expected the number of processes"),
        ("reproduce(['3c'], progress='no')", T, "progress: expected True or False"),
        ("REPORT['2c'].reproduction([run])", V, "runs: expected row 2c with the seeds"),
        ("REPORT['2c'].reproduction('runs')", T, "runs: expected a sequence"),
        ("REPORT['2c'].reproduction(iter(runs))", T, "runs: expected a sequence"),
        ("REPORT['2c'].reproduction([None])", T, "runs[0]: expected"),
        ("REPORT['2c'].reproduction(runs).mean_step_reaching('0.1')", T, "train_loss: expected a finite number"),
    ],
    "sweep": [
        ("sweep(e)", T, "experiments: expected a sequence of Experiment"),
        ("sweep(None)", T, "experiments: expected a sequence of Experiment"),
        ("sweep({e})", T, "experiments: expected a sequence of Experiment"),
        ("sweep({e: 1})", T, "experiments: expected a sequence of Experiment"),
        ("sweep('3c')", T, "experiments: expected a sequence of Experiment"),
        ("sweep([e, '3c'])", T, "experiments[1]: expected an Experiment, got str"),
        ("sweep([Experiment])", T, "experiments[0]: expected an Experiment"),
        ("sweep([e], store=3)", T, "store: expected a path"),
        ("sweep([e], store=b'runs')", T, "store: expected a path"),
        ("sweep([e], store='a\\0b')", V, "store: expected a path"),
        ("sweep([e], store=folder / 'a file')", FileExistsError, "store: expected a folder that can be written to"),
        ("sweep([e], store=folder / 'a file' / 'x')", NotADirectoryError, "store: expected a folder that can be"),
        ("sweep([e], store=archive)", V, "store: 1 run would be trained"),
        ("sweep([e], n_jobs=0)", V, "n_jobs: expected the number of processes"),
        ("sweep([e], n_jobs='2')", T, "n_jobs: expected an integer"),
        ("sweep([e], n_jobs=True)", T, "n_jobs: expected an integer"),
        ("sweep([e], n_jobs=2**40)", V, "n_jobs: expected an integer"),
        ("sweep([e], n_jobs=None)", T, "n_jobs: expected an integer"),
        ("sweep([e], progress='no')", T, "progress: expected True or False"),
        ("sweep([e], keep_weights=True)", T, "keep_weights: expected a sequence of Experiment"),
        ("sweep([e], keep_weights=iter([e]))", T, "keep_weights: expected a sequence of Experiment"),
        ("sweep([e], keep_weights=['3c'])", T, "keep_weights[0]: expected an Experiment"),
        ("sweep([e], marks=['rules'])", T, "marks: expected a dict with names as keys"),
        ("sweep([e], marks={1: 'x'})", T, "marks: expected a dict with names as keys"),
        ("sweep([e], marks={'rules': 1})", T, "marks['rules']: expected a string"),
        ("sweep([e], again={e})", T, "again: expected a sequence of Experiment"),
        ("sweep([e], again='all')", T, "again: expected a sequence of Experiment"),
        ("sweep([e], brief={e})", T, "brief: expected a sequence of Experiment"),
        ("sweep([e], folder='runs')", T, "folder"),
        ("sweeps.estimate('3c')", T, "experiments: expected a sequence of Experiment"),
        ("sweeps.estimate([None])", T, "experiments[0]: expected an Experiment"),
        ("sweeps.work('3c')", T, "experiment: expected an Experiment"),
    ],
    "store": [
        ("store.Store(3)", T, "folder: expected a path"),
        ("store.Store(b'runs')", T, "folder: expected a path"),
        ("store.Store(None)", T, "folder: expected a path"),
        ("store.Store('a\\0b')", V, "folder: expected a path"),
        ("store.Archive(3)", T, "path: expected a path"),
        ("store.Archive('a\\0b')", V, "path: expected a path"),
        ("store.StoreChain('runs')", T, "first: expected a Store"),
        ("store.StoreChain(archive)", T, "first: expected a Store"),
        ("store.StoreChain(shelf, 'runs')", T, "others: expected a Store, an Archive or a StoreChain"),
        ("store.key('3c')", T, "experiment: expected an Experiment"),
        ("store.key(Experiment)", T, "experiment: expected an Experiment"),
        ("store.packaged(3)", T, "names[0]: expected"),
        ("store.packaged('../secret')", V, "names[0]: expected"),
        ("shelf.path('3c')", T, "experiment: expected an Experiment"),
        ("shelf.save('run')", T, "run: expected a Run"),
        ("shelf.save(run.experiment)", T, "run: expected a Run"),
        ("shelf.save(run, weights='no')", T, "weights: expected True or False"),
        ("shelf.save(run, weights=True)", V, "weights: expected a run with its model"),
        ("shelf.save(run, marks=['a'])", T, "marks: expected a dict with names as keys"),
        ("shelf.save(run, marks={'a': 1})", T, "marks['a']: expected a string"),
        ("chain.save(None)", T, "run: expected a Run"),
        ("chain.save(run, weights=1)", T, "weights: expected True or False"),
        ("store.Store(folder / 'a file').prepare()", FileExistsError, "store: expected a folder that can be written"),
        ("store.write_archive(3, {})", T, "path: expected a path"),
        ("store.write_archive(folder / 'x.zip', [1])", T, "entries: expected a dict"),
        ("store.write_archive(folder / 'x.zip', {1: b''})", T, "entries: expected a dict"),
        ("store.write_archive(folder / 'x.zip', {'a': 'text'})", T, "entries['a']: expected bytes"),
        ("store.archive_runs('runs', folder / 'x.zip', [e])", T, "store: expected a Store"),
        ("store.archive_runs(archive, folder / 'x.zip', [e])", T, "store: expected a Store"),
        ("store.archive_runs(shelf, 3, [run.experiment])", T, "path: expected a path"),
        ("store.archive_runs(shelf, folder / 'x.zip', 'all')", T, "experiments: expected a sequence"),
        ("store.archive_runs(shelf, folder / 'x.zip', [3])", T, "experiments[0]: expected an Experiment"),
        ("list(store.Store(folder / 'damaged'))", store.StoreError, "damaged, or no entry of a store"),
        ("store.Store(folder / 'damaged')[run.experiment]", store.StoreError, "damaged, or no entry of a store"),
        ("store.Store(folder / 'folder in it')[run.experiment]", store.StoreError, "no entry of a store"),
        ("store.Archive(folder)[run.experiment]", store.StoreError, "no archive of runs"),
        ("store.Archive(folder / 'a file')[run.experiment]", store.StoreError, "no archive of runs"),
        ("len(store.Archive(folder / 'a file'))", store.StoreError, "no archive of runs"),
        ("list(store.Archive(folder / 'other things.zip'))", store.StoreError, "no archive of runs"),
        ("store.archive_runs(shelf, folder / 'a file', [run.experiment])", store.StoreError, "no archive of runs"),
    ] + [
        (code.format(shelf), error, said) for shelf in ("shelf", "archive", "chain") for code, error, said in (
            ("{}[e]", KeyError, "no run of Experiment"),
            ("{}['3c']", T, "experiment: expected an Experiment"),
            ("{}[0]", T, "experiment: expected an Experiment"),
            ("{}.get(None)", T, "experiment: expected an Experiment"),
            ("'3c' in {}", T, "experiment: expected an Experiment"),
        )
    ],
    "evidence": [
        ("evidence.compare('runs', 0.9)", T, "runs_a: expected a sequence of Run"),
        ("evidence.compare(None, 0.9)", T, "runs_a: expected a sequence of Run"),
        ("evidence.compare(iter(runs), 0.9)", T, "runs_a: expected a sequence of Run"),
        ("evidence.compare([1, 2], 0.9)", T, "runs_a[0]: expected one such as a Run"),
        ("evidence.compare(runs, '0.9')", T, "runs_b: expected"),
        ("evidence.compare(runs, NAN)", V, "runs_b: expected a finite number"),
        ("evidence.compare(runs, None)", T, "runs_b: expected"),
        ("evidence.compare(runs, True)", T, "runs_b: expected"),
        ("evidence.compare(runs, runs[::-1], AT_125)", V, "runs: expected at least two of each group"),
        ("evidence.compare(runs[:1], runs[:1], AT_125)", V, "runs: expected at least two of each group"),
        ("evidence.compare(runs[:1] * 2, runs[:1] * 2, AT_125)", V, "runs: expected at least two of each group"),
        ("evidence.compare([], [], AT_125)", V, "runs: expected at least two of each group"),
        ("evidence.compare(runs, runs)", V, "measure: 'accuracy' needs"),
        ("evidence.compare(runs, runs, 'loss')", V, "measure: expected one of"),
        ("evidence.compare(runs, runs, ['loss'])", V, "measure: expected one of"),
        ("evidence.compare(runs, runs, 'not stopped')", V, "measure: 'not stopped' can only be greater than 0.0"),
        ("evidence.compare(runs, runs, AT_125, 'more')", V, "direction: expected"),
        ("evidence.compare(runs, runs, AT_125, margin=-1)", V, "margin: expected a finite number of at least 0"),
        ("evidence.compare(runs, runs, AT_125, margin='0')", T, "margin: expected a finite number of at least 0"),
        ("evidence.compare(runs, -1.0, 'training loss')", V, "runs_b: expected a positive number"),
        ("evidence.Comparison(None, (arm,), 0.9, 'greater', 0)", T, "measure: expected a string"),
        ("evidence.judge({arm: runs[:2]}, [unknown])", V, "measure: expected one of"),
        ("evidence.Comparison(AT_125, arm, 0.9, 'greater', 0)", T, "a: expected a sequence"),
        ("evidence.Comparison(AT_125, {arm}, 0.9, 'greater', 0)", T, "a: expected a sequence"),
        ("evidence.Comparison(AT_125, (), 0.9, 'greater', 0)", V, "a: expected at least one"),
        ("evidence.Comparison(AT_125, (arm,), 'b', 'greater', 0)", T, "b: expected a sequence"),
        ("evidence.Comparison(AT_125, (arm,), NAN, 'greater', 0)", V, "b: expected a finite number"),
        ("evidence.Comparison(AT_125, (arm,), 0.9, 'more', 0)", V, "direction: expected one of"),
        ("evidence.Comparison(AT_125, (arm,), 0.9, 'greater', NAN)", V, "margin: expected a finite number"),
        ("evidence.Comparison(AT_125, (arm,), 0.9, 'greater', '0')", T, "margin: expected a finite number"),
        ("effect.verdict(p_for='0.01')", T, "p_for: expected a number from 0 to 1"),
        ("effect.verdict(p_for=NAN)", V, "p_for: expected a number from 0 to 1"),
        ("effect.verdict(p_against=2)", V, "p_against: expected a number from 0 to 1"),
        ("evidence.Control('text', comparison, 'stays')", V, "expected: expected one of"),
        ("evidence.Control('text', 'comparison', 'persists')", T, "comparison: expected a Comparison"),
        ("evidence.Control(3, comparison, 'persists')", T, "text: expected a string"),
        ("evidence.Part('Z1', 'text', None)", T, "comparison: expected a Comparison"),
        ("evidence.Part(1, 'text', comparison)", T, "name: expected a string"),
        ("evidence.Part('Z1', 'text', comparison, ['control'])", T, "controls[0]: expected a Control"),
        ("evidence.Part('Z1', 'text', comparison, iter(()))", T, "controls: expected a sequence"),
        ("evidence.Protocol(epochs=0)", V, "epochs: expected an integer"),
        ("evidence.Protocol(stop_on={'half_1', 'half_2'})", T, "stop_on: expected a sequence"),
        ("evidence.Protocol(suffix=3)", T, "suffix: expected a string"),
        ("evidence.Protocol(rate=0.1)", T, "rate: expected a string"),
        ("evidence.Protocol(speed=1)", T, "speed"),
        ("evidence.REPORTED.applied('e')", T, "experiment: expected an Experiment"),
        ("evidence.REPORTED.applied(e, lr=1)", T, "lr"),
        ("evidence.Network(3, e)", T, "name: expected a string"),
        ("evidence.Network('mine', '3c')", T, "experiment: expected an Experiment"),
        ("network.under('tuned')", T, "protocol: expected a Protocol"),
        ("network.under(third=3)", V, "third: expected an integer"),
        ("network.under(third='0')", T, "third: expected an integer"),
        ("network.under(seeds={1, 2})", T, "seeds: expected a sequence"),
        ("network.under(seeds='12')", T, "seeds: expected a sequence"),
        ("network.under(seeds=[1.5])", T, "seeds[0]: expected an integer"),
        ("network.varied(3)", T, "what: expected a string"),
        ("network.varied('x', lr=1)", T, "lr"),
        ("network.varied('x', seed=-1)", V, "seed: expected an integer"),
        ("evidence.Arm('network', evidence.REPORTED, 0, (1,))", T, "network: expected a Network"),
        ("evidence.Arm(network, None, 0, (1,))", T, "protocol: expected a Protocol"),
        ("arm.on_third(5)", V, "third: expected an integer"),
        ("arm.experiments('0.1')", T, "learning_rate: expected a positive finite number"),
        ("arm.experiments(NAN)", V, "learning_rate: expected a positive finite number"),
        ("evidence.tricks('11')", V, "code: expected"),
        ("evidence.tricks('222')", V, "code: expected"),
        ("evidence.tricks(111)", V, "code: expected"),
        ("evidence.trick_names('11')", V, "code: expected"),
        ("evidence.trick_names(None)", V, "code: expected"),
        ("evidence.tricks([True, True, True])", V, "code: expected"),
        ("evidence.factors('01')", V, "code: expected"),
        ("evidence.factors('abc')", V, "code: expected"),
        ("evidence.factors(['000'])", V, "code: expected"),
        ("evidence.width(0)", V, "width: expected an integer"),
        ("evidence.width('64')", T, "width: expected an integer"),
        ("evidence.depth(-1)", V, "depth: expected an integer"),
        ("evidence.depth(1.5)", T, "depth: expected an integer"),
        ("evidence.depth(2, momentum='no')", T, "momentum: expected True or False"),
        ("evidence.two_layers(0)", V, "width: expected an integer"),
        ("evidence.two_layers(None)", T, "width: expected an integer"),
        ("evidence.gamma('0.5')", T, "gamma: expected a number"),
        ("evidence.gamma(1)", V, "gamma: expected a number"),
        ("evidence.layers_of('relu', 'fan_in', 3)", V, "activation: expected one of"),
        ("evidence.layers_of('sigmoid', 'xavier', 3)", V, "init: expected one of"),
        ("evidence.layers_of('sigmoid', 'fan_in', -3)", V, "depth: expected an integer"),
        ("evidence.tunable_depth(0)", V, "layers: expected an integer"),
        ("evidence.tunable_depth('2')", T, "layers: expected an integer"),
        ("evidence.tunable_width(0)", V, "units: expected an integer"),
        ("evidence.tunable_width(64.0)", T, "units: expected an integer"),
        ("evidence.chosen_step('3c', shelf)", T, "experiment: expected an Experiment"),
        ("evidence.chosen_step(e, folder)", T, "store: expected a Store"),
        ("evidence.chosen_step(e, shelf, 'slowest')", KeyError, "goal: expected one of"),
        ("evidence.tuning_curve('3c', shelf)", T, "experiment: expected an Experiment"),
        ("evidence.tuning_curve(e, None)", T, "store: expected a Store"),
        ("evidence.tuning_curve(e, shelf)", KeyError, "no run of Experiment"),
        ("evidence.judge([], [part])", T, "runs: expected a dict"),
        ("evidence.judge({}, iter([part]))", T, "parts: expected a sequence of Part"),
        ("evidence.judge({}, ['C1'])", T, "parts[0]: expected a Part"),
        ("evidence.judge({}, [part])", evidence.EvidenceError, "no runs of"),
        ("evidence.judge({arm: 'runs'}, [part])", T, "runs['mine']: expected a sequence of Run"),
        ("evidence.Registration('z', 'today', iter([part]), (arm,))", T, "parts: expected a sequence of Part"),
        ("evidence.Registration('z', 'today', (part,), {arm})", T, "arms: expected a sequence of Arm"),
        ("evidence.Registration('z', 'today', ('C1',), (arm,))", T, "parts[0]: expected a Part"),
        ("evidence.Registration('z', 'today', (part,), (arm, arm))", V, "arms: expected names that no other arm has"),
        ("evidence.Registration('z', 'today', (part,), ())", V, "parts: expected arms that are trained here"),
        ("evidence.Registration('z', 'today', (part,), (arm,), after=['claims'])", T, "after[0]: expected a Regist"),
        ("evidence.Registration('z', 'today', (part,), (arm,), measures=('loss',))", V, "measures[0]: expected one"),
        ("evidence.Registration('z', 'today', (part,), (arm,), mark=3)", T, "mark: expected a string"),
        ("evidence.Registration('z', 'today', (part,), (arm,), brief=('a',))", T, "brief[0]: expected an Arm"),
        ("evidence.Registration(3, 'today', (part,), (arm,))", T, "name: expected a string"),
        ("registration.experiments(folder)", T, "store: expected a Store"),
        ("registration.runs(None)", T, "store: expected a Store"),
        ("registration.runs(shelf)", evidence.EvidenceError, "runs are missing"),
    ],
    "plotting": [
        ("plotting.plot_run('history')", T, "history: expected a History"),
        ("plotting.plot_run(run)", T, "history: expected a History"),
        ("plotting.plot_comparison([history])", T, "histories: expected a dict"),
        ("plotting.plot_comparison({'2c': None})", T, "histories['2c']: expected a History"),
        ("plotting.plot_comparison({'mine': history})", V, "colors: expected"),
        ("plotting.plot_comparison({'2c': history}, {'3c': 'red'})", V, "colors: expected"),
        ("plotting.plot_quantity({'2c': history}, 'speed', {'2c': 'red'})", V, "quantity: expected one of"),
        ("plotting.plot_quantity(None, 'train_loss', {})", T, "histories: expected a dict"),
        ("plotting.plot_quantity({'mine': history}, 'train_loss', None)", V, "colors: expected"),
        ("plotting.plot_gradient_bars([1.0], {})", T, "sizes: expected a dict"),
        ("plotting.plot_gradient_bars({'mine': [1.0]}, {})", V, "colors: expected"),
        ("plotting.plot_gradient_bars({'2c': 'abc'}, {'2c': 'red'})", T, "sizes['2c']: expected"),
        ("plotting.plot_train_loss({'mine': history})", V, "colors: expected"),
        ("plotting.plot_train_loss(history)", T, "histories: expected a dict"),
        ("plotting.plot_layer_sizes({}, 'RMS')", V, "sizes: expected"),
        ("plotting.plot_layer_sizes({n: [1.0] for n in 'abcde'}, 'RMS')", V, "sizes: expected at most 4"),
        ("plotting.plot_layer_sizes({'a': 1.0}, 'RMS')", T, "sizes['a']: expected"),
        ("plotting.together([], 'train_loss')", V, "histories: expected at least one"),
        ("plotting.together(['history'], 'train_loss')", T, "histories[0]: expected a History"),
        ("plotting.together(iter([history]), 'train_loss')", T, "histories: expected a sequence"),
        ("plotting.together([history], 'speed')", V, "quantity: expected one of"),
        ("plotting.show_images(images, [1])", V, "labels: expected 2"),
        ("plotting.show_images(images / 255, [1, 2])", T, "images: expected a uint8 array"),
        ("plotting.show_images(images[:, :5], [1, 2])", V, "images: expected a uint8 array"),
        ("plotting.show_images(images[:0], [])", V, "images: expected a uint8 array"),
        ("plotting.show_images(images, 3)", T, "labels: expected a sequence"),
        ("plotting.as_html_image('figure', 'alt')", T, "figure: expected a Figure"),
        ("plotting.as_html_image(Figure(), 3)", T, "alt: expected a string"),
        ("plotting.as_html_image(Figure(), 'alt', dpi=0)", V, "dpi: expected an integer"),
        ("plotting.as_html_image(Figure(), 'alt', n_colors=257)", V, "n_colors: expected an integer"),
        ("plotting.Table('ab', [])", T, "header: expected a sequence"),
        ("plotting.Table(['a'], [['1', '2']])", V, "rows[0]: expected 1 cell"),
        ("plotting.Table(['a'], ['1'])", T, "rows[0]: expected a sequence"),
        ("plotting.reproduction_table([])", V, "reproductions: expected at least one"),
        ("plotting.reproduction_table([run])", T, "reproductions[0]: expected a Reproduction"),
        ("plotting.reproduced_table('2c')", T, "reproductions[0]: expected a Reproduction"),
    ],
    "practice": [
        ("practice.check('tanh', abs)", V, "name: expected one of 'sigmoid', 'softmax', 'forward'"),
        ("practice.check(abs)", V, "name: expected one of"),
        ("practice.check(['sigmoid'], abs, abs)", V, "name: expected one of"),
        ("practice.check('sigmoid')", T, "functions: expected 2, sigmoid(z), slope(a), got 0"),
        ("practice.check('sigmoid', abs)", T, "functions: expected 2, sigmoid(z), slope(a), got 1"),
        ("practice.check('forward', abs, abs)", T, "functions: expected 1, forward(X, weights, f), got 2"),
        ("practice.check('sigmoid', abs, 0.25)", T, "functions[1]: expected a function, got 0.25 (float)"),
        ("practice.Prediction(3, (1, 2), '', 'x')", T, "name: expected a string, got 3 (int)"),
        ("practice.Prediction('A b', (1, 2), '', 'x')", V, "name: expected small letters, digits and hyphens, got 'A"),
        ("practice.Prediction('a', (1, 2), None, 'x')", T, "answer: expected a string, got None"),
        ("practice.Prediction('a', (1, 2), '', 3)", T, "see: expected a string, got 3 (int)"),
        ("practice.Prediction('a', 3, '', 'x')", T, "right: expected a sequence of two numbers, or a dict of choices"),
        ("practice.Prediction('a', (1, 2, 3), '', 'x')", V, "right: expected two numbers, the smaller one first"),
        ("practice.Prediction('a', (2, 1), '', 'x')", V, "right: expected two numbers, the smaller one first, got (2"),
        ("practice.Prediction('a', (0, NAN), '', 'x')", V, "right[1]: expected a finite number"),
        ("practice.Prediction('a', {'b': True, 'c': 1}, '', 'x')", T, "right['c']: expected True or False, got 1"),
        ("practice.Prediction('a', {1: True}, '', 'x')", T, "right: expected a dict with names as keys"),
        ("practice.Prediction('a', {'b': True}, '', 'x')", V, "right: expected two choices or more, one of them"),
        ("practice.Prediction('a', {'b': True, '': False}, '', 'x')", V, "right: expected two choices or more"),
        ("practice.Prediction('a', dict.fromkeys('bc', True), '', 'x')", V, "right: expected two choices or more"),
        ("practice.Prediction('a', dict.fromkeys('bc', False), '', 'x')", V, "right: expected two choices or more"),
        ("practice.check('delta', None)", T, "functions[0]: expected a function, got None"),
    ],
    "widgets": [
        ("widgets.BackpropStepper(x='ab')", T, "x: expected"),
        ("widgets.BackpropStepper(x=(1, 2, 3))", V, "x: expected"),
        ("widgets.BackpropStepper(x=(NAN, 1))", V, "x: expected finite values"),
        ("widgets.BackpropStepper(x=None)", T, "x: expected"),
        ("widgets.BackpropStepper(x=np.ma.masked_equal([1, 2], 2))", T, "x: expected"),
        ("widgets.BackpropStepper(label=2)", V, "label: expected"),
        ("widgets.BackpropStepper(label=0.5)", T, "label: expected"),
        ("widgets.BackpropStepper(label='1')", T, "label: expected"),
        ("widgets.BackpropStepper(label=[0, 1])", T, "label: expected"),
        ("widgets.BackpropStepper(weights=3)", T, "weights: expected"),
        ("widgets.BackpropStepper(weights=())", V, "weights: expected two matrices"),
        ("widgets.BackpropStepper(weights=(((1, 2), (3,)), ((1, 2), (3, 4))))", V, "weights[0]: expected"),
        ("widgets.BackpropStepper(weights=(((1, 'a'), (3, 4)), ((1, 2), (3, 4))))", T, "weights[0]: expected"),
        ("widgets.BackpropStepper(weights=(np.ones((2, 2)), np.ma.masked_equal(np.eye(2), 1)))", T, "weights[1]: exp"),
        ("widgets.BackpropStepper(weights=(np.ones((2, 2)), np.full((2, 2), NAN)))", V, "weights[1]: expected finite"),
        ("widgets.BackpropStepper(learning_rate=0)", V, "learning_rate: expected a positive finite number"),
        ("widgets.BackpropStepper(learning_rate='0.5')", T, "learning_rate: expected a positive finite number"),
        ("widgets.BackpropStepper(weights=np.full((2, 2, 2), 1e308))", V, "weights: expected some whose logits"),
        ("widgets.BackpropStepper(weights=SURE_AND_WRONG, learning_rate=1.7e308)", V, "learning_rate: expected"),
        ("widgets.BackpropStepper(wieghts=())", T, "wieghts"),
        ("widgets.TrainingFilm('3c')", T, "experiment: expected an Experiment"),
        ("widgets.TrainingFilm(e, n_frames=0)", V, "n_frames: expected an integer"),
        ("widgets.TrainingFilm(e, n_frames='3')", T, "n_frames: expected an integer"),
        ("widgets.TrainingFilm(e, n_units=6)", V, "n_units: expected a multiple of 4"),
        ("widgets.TrainingFilm(e, n_units=4.0)", T, "n_units: expected an integer"),
        ("widgets.TrainingFilm(replace(e, hidden=()))", V, "n_units: expected a multiple of 4"),
        ("widgets.TrainingBench('3c')", T, "experiment: expected an Experiment"),
        ("widgets.TrainingBench(0)", T, "experiment: expected an Experiment"),
        ("widgets.TrainingBench(notebook=3)", T, "notebook: expected a string"),
        ("widgets.TrainingBench(runs='3c')", T, "runs: expected a sequence of Run"),
        ("widgets.TrainingBench(runs=[e])", T, "runs[0]: expected a Run"),
        ("widgets.TrainingBench(runs=nine_runs)", V, "runs: expected at most 8"),
        ("widgets.TrickExplorer(3)", T, "store: expected a path"),
        ("widgets.TrickExplorer(b'runs')", T, "store: expected a path"),
        ("widgets.TrickExplorer(folder / 'missing')", store.StoreError, "TrickExplorer needs a run of"),
        ("widgets.TopologyExplorer([])", T, "store: expected a path"),
        ("widgets.TopologyExplorer(shelf)", store.StoreError, "TopologyExplorer needs a run of"),
        ("widgets.ActivationExplorer('sigmoid')", T, "positional argument"),
        ("widgets.SpectrumExplorer([])", T, "spectra: expected a dict"),
        ("widgets.SpectrumExplorer({})", V, "spectra: expected at least one network"),
        ("widgets.SpectrumExplorer({'110': {}})", T, "spectra: expected keys such as ('110', 64, 1), got '110'"),
        ("widgets.SpectrumExplorer({('11', 64, 1): {}})", V, "spectra: expected a code of three digits"),
        ("widgets.SpectrumExplorer({('112', 64, 1): {}})", V, "spectra: expected a code of three digits"),
        ("widgets.SpectrumExplorer({('110', '64', 1): {}})", T, "units: expected an integer"),
        ("widgets.SpectrumExplorer({('110', 64, 0): {}})", V, "layers: expected an integer of at least 1"),
        ("widgets.SpectrumExplorer({('110', 64, 1): {}})", T, "spectra[('110', 64, 1)]: expected a dict with values"),
        ("widgets.ValleyExplorer(0.1)", T, "positional argument"),
        ("widgets.ValleyExplorer().path(0, 0.9)", V, "learning_rate: expected"),
        ("widgets.ValleyExplorer().path(0.1, 1)", V, "gamma: expected"),
        ("widgets.ParabolaExplorer(4)", T, "positional argument"),
        ("widgets.ParabolaExplorer.path(0, 0.1)", V, "curvature: expected a positive finite number"),
        ("widgets.ParabolaExplorer.path('4', 0.1)", T, "curvature: expected a positive finite number"),
        ("widgets.ParabolaExplorer.path(4, -0.1)", V, "learning_rate: expected"),
        ("widgets.ConditionExplorer(4)", T, "positional argument"),
        ("widgets.ConditionExplorer.best_gamma(0.5)", V, "kappa: expected a finite number of at least 1"),
        ("widgets.ConditionExplorer.best_rate(np.inf, 0.5)", V, "kappa: expected a finite number of at least 1"),
        ("widgets.ConditionExplorer.best_rate(4, 1)", V, "gamma: expected"),
        ("widgets.ConditionExplorer.path(None, 0.5)", T, "kappa: expected a finite number of at least 1"),
        ("widgets.ConditionExplorer.path(4, '0.5')", T, "gamma: expected"),
    ],
}

# Of the command line and the make targets: how it is called, words of the sentence on its error output.
COMMANDS = {
    "python -m mlplib.evidence": [
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--ful"], "unrecognized arguments: --ful"),
        (["--full=yes"], "--full: ignored explicit argument 'yes'"),
        (["full"], "unrecognized arguments: full"),
        (["--full", "claims"], "unrecognized arguments: claims"),
    ],
    "make": [
        (["port", "PORT=abc"], "PORT: expected a whole number from 1 to 65535, got 'abc'"),
        (["port", "PORT=0"], "PORT: expected a whole number from 1 to 65535, got '0'"),
        (["serve", "PORT=99999"], "PORT: expected a whole number from 1 to 65535, got '99999'"),
        (["serve", "PORT=\uff18\uff10\uff18\uff10"], "PORT: expected a whole number from 1 to 65535"),
        (["env", "-W", "requirements.txt", "PYTHON=nonsense"], "'nonsense' was not found"),
        (["env", "-W", "requirements.txt", "PYTHON="], "'' was not found"),
        (["env", "-W", "requirements.txt", "PYTHON=false"], "'false' is a program that does not start"),
        (["book", "-W", "requirements.txt", "PYTHON=/nonsense/python3"], "'/nonsense/python3' was not found"),
        (["boook"], "No rule to make target"),
    ],
}

# What must be accepted, so that refusing all is no way to pass: an expression that is true.
ACCEPTED = [
    "MLP(()).weights[0].shape == (785, 10)",
    "MLP([8]).hidden == MLP(np.array([8])).hidden == MLP(range(8, 9)).hidden == MLP(deque([8])).hidden == (8,)",
    "MLP((np.int8(3), 2)).hidden == (3, 2)",
    "MLP((3,), seed=np.uint64(2**64 - 1)).seed == 2**64 - 1",
    "MLP((3,), seed=2**128 - 1).seed == 2**128 - 1",
    "MLP((3,), dtype='f8').dtype == MLP((3,), dtype=float).dtype == MLP((3,), dtype=np.dtype('float64')).dtype",
    "type(MLP((3,), input_gain=Fraction(1, 2)).input_gain) is float",
    "mlp.forward(X.astype(np.float16)).shape == (6, 3)",
    "mlp.forward(X.astype(np.longdouble)).dtype == np.float32",
    "same(mlp.forward(X.tolist()), mlp.forward(X))",
    "same(mlp.forward(tuple(map(tuple, X))), mlp.forward(X))",
    "same(mlp.forward(np.asfortranarray(X)), mlp.forward(X))",
    "same(mlp.forward(np.repeat(X, 2, axis=0)[::2]), mlp.forward(X))",
    "same(mlp.forward(read_only(X)), mlp.forward(X))",
    "same(mlp.forward(X.view(Subclass)), mlp.forward(X))",
    "same(mlp.forward(X.astype('>f8')), mlp.forward(X))",
    "same(mlp.forward(np.ones((2, 4), np.int8)), mlp.forward(np.ones((2, 4))))",
    "mlp.forward(X[:1]).shape == (1, 3)",
    "mlp.predict(memoryview(X)).tolist() == mlp.predict(X).tolist()",
    "mlp.evaluate(X, y.astype(np.uint8)) == mlp.evaluate(X, y.tolist()) == mlp.evaluate(X, y)",
    "mlp.evaluate(X, read_only(y)[::1]) == mlp.evaluate(X, y)",
    "with_weights([W.view(Subclass) for W in mlp.weights]).loss(X, y) == mlp.loss(X, y)",
    "with_weights([np.asfortranarray(W) for W in mlp.weights]).predict(X).tolist() == mlp.predict(X).tolist()",
    "with_weights(tuple(mlp.weights)).loss(X, y) == mlp.loss(X, y)",
    "max(check_gradients(mlp, X, y, n_weights=10**9, epsilon=np.float32(1e-4))) < 1e-4",
    "losses.one_hot(np.array([], int)).shape == (0, 10)",
    "losses.one_hot((2, 0), 3, 'float32').tolist() == [[0, 0, 1], [1, 0, 0]]",
    "inputs.halves([0, 1, 0, 1], np.int64(3)).sum() == 2",
    "inputs.standardized_mnist(np.int64(0))[0][0].shape == (20_000, 785)",
    "load_mnist() is load_mnist(None)",
    "DataSet('mine', (X, y), [X.tolist(), y.astype(np.uint8)]).n_inputs == 5",
    "DataSet('mine', (images, [1, 0]), (np.repeat(images, 2, 0), [1, 1, 0, 0])).n_classes == 2",
    "Standardizer(np.float32(33), 78).mean == 33.0",
    "Standardizer.fit(images[:1]).std > 0",
    "same(scale(read_only(images)), scale(images))",
    "same(scale(np.asfortranarray(images)), scale(images))",
    "scale(images, 'float64').dtype == np.float64",
    "SGD(np.float16(0.5)).learning_rate == SGD(Fraction(1, 2)).learning_rate == 0.5",
    "SGD(1).learning_rate == SGD(np.longdouble(1)).learning_rate == 1.0",
    "Momentum(0.1, 0).gamma == 0.0 and Momentum(0.1, np.float32(0.5)).gamma == 0.5",
    "SGD(0.5).update([W := np.ones(2)], (np.ones(2, np.float32),)) is None and W.tolist() == [0.5, 0.5]",
    "SGD(0.5).update((W := np.ones((2, 4))[:, ::2],), [np.ones((2, 2))]) is None and W[0, 0] == 0.5",
    "Momentum(0.5).update([W := np.ones(())], [np.ones(())]) is None and W == 0.5",
    "trainer_of(train=[X.tolist(), y.tolist()]).n_steps == 0",
    "trainer_of(batch_size=np.int32(6), epochs=1, patience=None).steps_per_epoch == 1",
    "trainer_of(stop_on=['validation'], subsets=None, shuffle=np.True_).finished is False",
    "trainer_of(subsets={'one': [True] + [False] * 5}).subsets['one'].sum() == 1",
    "EarlyStopping(np.int64(3)).is_new_best(np.float32(0.5)) is True",
    "EarlyStopping(None).is_new_best(float('nan')) is False",
    "history.until(np.int64(0)).n_steps == history.until(0).n_steps == 1",
    "history.until(None) is history and history.until(-1).n_steps == 0",
    "history.step_reaching(np.float32(100)) == 0 and history.step_reaching(0) is None",
    "sorted(trainer.order(0).tolist()) == list(range(6))",
    "Experiment(hidden=[]).hidden == () and Experiment(hidden=[32]) == Experiment((32,))",
    "Experiment(learning_rate=1).learning_rate == 1.0 and Experiment(learning_rate=None).learning_rate is None",
    "Experiment(judge_on=[], stop_on=np.array(['half_1'])).stop_on == ('half_1',)",
    "Experiment(n_train=1, batch_size=1, epochs=np.uint8(1)).steps_per_epoch == 1",
    "e.with_tricks(np.True_, False, momentum=True).gamma == 0.9",
    "catalogue.trick_experiment(np.array([True, False, True])).init == 'fan_in'",
    "catalogue.topology_experiment(np.int64(32), 0).hidden == ()",
    "sweep([], progress=False) == [] and sweep(iter([]), n_jobs=-1, progress=False) == []",
    "sweep([run.experiment], str(shelf.folder), progress=False)[0].final == run.final",
    "sweep(np.array([run.experiment]), archive, progress=False)[0].final == run.final",
    "reproduce([]) == {} and list(reproduce(['2c', '2c'], progress=False)) == ['2c']",
    "store.Store(str(shelf.folder))[run.experiment].final == store.Store(Bent(shelf.folder))[run.experiment].final",
    "store.Store(folder / 'missing').get(e) is None and len(store.Archive(folder / 'missing.zip')) == 0",
    "archive[run.experiment].final == chain[run.experiment].final == shelf.get(run.experiment).final",
    "evidence.compare(tuple(runs), np.float32(0.5), AT_125).n == evidence.compare(runs, 1, AT_125).n == 5",
    "evidence.compare(runs, Fraction(1, 2), AT_125, margin=0).n == 5",
    "evidence.depth(0).experiment.hidden == () and evidence.tunable_width(np.int64(64)) == evidence.tricks('111')",
    "network.under(seeds=range(3)).seeds == (0, 1, 2) and network.under(seeds=np.arange(2)).seeds == (0, 1)",
    "evidence.chosen_step(e, shelf) is None",
    "plotted(plotting.show_images(images[:1], [7]))",
    "plotted(plotting.show_images(images, np.array([7, 8])))",
    "plotted(plotting.plot_comparison({'mine': history}, {'mine': 'red'}))",
    "plotted(plotting.plot_gradient_bars({}, {})) and plotted(plotting.plot_quantity({}, 'train_loss', {}))",
    "repr(plotting.Table(['a', 'b'], [(1, 2.5)])).splitlines()[1] == '1  2.5'",
    "widgets.BackpropStepper(np.array([0.5, 1]), np.int64(0), np.ones((2, 2, 2))).arrays['y'].tolist() == [[1, 0]]",
]

# Public names that no case speaks of, and why.
WITHOUT_CASES = {
    "Figures": "a tuple of four numbers that the library gives back", "Progress": "a tuple that it gives back",
    "History": "a record that it gives back; its methods have cases", "Run": "a record that it gives back",
    "MNIST": "a tuple that it gives back", "Split": "a tuple that it gives back",
    "DivergenceWarning": "a warning", "evidence.EvidenceError": "an error",
    "evidence.Effect": "a record that `compare` gives back; its method has cases",
    "evidence.Verdict": "a record that `judge` gives back",
    "evidence.Measure": "a record of MEASURES, by whose names measures are asked for",
    "practice.Answer": "a record that `check` gives back",
}
# How the cases call an object of a class.
CALLED = {MLP: "mlp", SGD: "sgd", Momentum: "momentum", Trainer: "trainer", EarlyStopping: "rule",
          mlplib.History: "history", Experiment: "e", Standardizer: "Standardizer", report.Row: "REPORT['2c']",
          store.Store: "shelf", store.StoreChain: "chain", evidence.Network: "network", evidence.Arm: "arm",
          evidence.Effect: "effect", evidence.Protocol: "evidence.REPORTED", evidence.Registration: "registration"}
# Methods whose arguments are only handed on, and why they have no case.
METHODS_WITHOUT_CASES = {
    "mlp.propagate": "the loop's own, printed by chapter 1", "mlp.backpropagate": "the same",
    "mlp.loss_and_gradients": "the loop's own, on checked input", "mlp.loss_and_accuracy": "the same",
    "mlp.evaluate_in_parts": "the same", "sgd.direction": "gives back what it is given",
    "momentum.direction": "does not look at its argument",
}


class Subclass(np.ndarray):
    """An array of a class of its own."""


class Bent(os.PathLike):
    """A path of another package."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no words")


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def plotted(figure):
    figure.canvas.draw()
    plt.close(figure)
    return True


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """All that the expressions speak of."""
    patch = pytest.MonkeyPatch()
    patch.delenv("MLPLIB_RETRAIN", raising=False)
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 4)), np.array([0, 1, 2, 0, 1, 2])
    mlp = MLP((3,), n_inputs=4, n_classes=3)
    matrices = [rng.normal(size=shape) for shape in ((4, 3), (3, 3))]
    gradients = [rng.normal(size=W.shape) for W in matrices]
    momentum = Momentum()
    momentum.update(matrices, gradients)

    def trainer_of(model=mlp, optimizer=None, train=(X, y), validation=(X, y), **options):
        return Trainer(model, SGD(0.1) if optimizer is None else optimizer, train, validation,
                       **({"batch_size": 2} | options))

    def with_weights(weights):
        changed = MLP((3,), n_inputs=4, n_classes=3)
        changed.weights = weights
        return changed

    def tampered(rate):
        optimizer = SGD(0.1)
        optimizer.learning_rate = rate
        return optimizer

    trainer = trainer_of(MLP((3,), n_inputs=4, n_classes=3), Momentum(0.1), epochs=3)
    next(iter(trainer))
    run = replace(made_up_run(Experiment(seed=9)), versions={"numpy": "2"})
    shelf = store.Store(folder / "runs")
    shelf.save(run)
    entry = shelf.path(run.experiment)
    store.archive_runs(shelf, folder / "some.zip", [run.experiment])
    shelf.save(run)
    (folder / "damaged").mkdir()
    (folder / "damaged" / entry.name).write_bytes(entry.read_bytes()[:-100])
    (folder / "folder in it" / entry.name).mkdir(parents=True)
    (folder / "a file").write_text("no archive")
    store.write_archive(folder / "other things.zip", {"notes.txt": b"some"})
    archive = store.Archive(folder / "some.zip")
    network = evidence.Network("mine", Experiment())
    arm = network.under(seeds=(0, 1))
    comparison = evidence.Comparison("accuracy at step 125", (arm,), 0.9, "greater", 0.0)
    part = evidence.Part("Z1", "a text", comparison)
    runs = [made_up_run(Experiment(seed=seed)) for seed in range(5)]
    yield vars(mlplib) | {name: value for name, value in globals().items() if not name.startswith("_")} | {
        "X": X, "y": y, "NAN": float("nan"), "images": np.arange(2 * 784).reshape(2, 784).astype(np.uint8), "mlp": mlp,
        "matrices": matrices, "gradients": gradients, "sgd": SGD(0.1), "momentum": momentum, "trainer": trainer,
        "trainer_of": trainer_of, "with_weights": with_weights, "tampered": tampered, "rule": EarlyStopping(3),
        "history": trainer.history, "scale": Standardizer(33.0, 78.0), "e": Experiment(), "folder": folder, "run": run,
        "shelf": shelf, "archive": archive, "chain": store.StoreChain(shelf, archive), "runs": runs,
        "unknown": evidence.Part("Z2", "a text", replace(comparison, measure="speed")),
        "network": network, "arm": arm,
        "nine_runs": [made_up_run(Experiment(seed=seed)) for seed in range(9)], "same": np.array_equal,
        "Decimal": Decimal, "Fraction": Fraction, "deque": deque,
        "SURE_AND_WRONG": ([[50, 50]] * 2, [[50, 0]] * 2),
        "AT_125": "accuracy at step 125", "comparison": comparison, "part": part, "Figure": plt.Figure,
        "effect": evidence.compare(runs, 0.9, "accuracy at step 125"),
        "registration": evidence.Registration("z", "today", (part,), (arm,)), "store": store,
    }
    patch.undo()


def state(world):
    """Digests of all that must stay as it is, by name: objects, files, and what belongs to the whole process."""
    kept = ("X", "y", "images", "mlp", "matrices", "gradients", "sgd", "momentum", "trainer", "rule", "history",
            "scale", "e", "run", "runs", "network", "arm", "part", "registration", "comparison", "effect")
    found = {name: hashlib.sha256(pickle.dumps(world[name])).hexdigest() for name in kept}
    found |= {path: path.read_bytes() if path.is_file() else None for path in world["folder"].rglob("*")}
    return found | {
        "error state": np.geterr(), "filters": list(warnings.filters), "environment": dict(os.environ),
        "folder": Path.cwd(), "figures": plt.get_fignums(), "randomness": pickle.dumps(np.random.get_state()),
        "classes": [set(vars(kind)) for kind in (MLP, SGD, Momentum, Trainer, Experiment)],
        "names": [set(known) for known in (mlplib.ACTIVATIONS, mlplib.INITIALIZERS, evidence.MEASURES)],
    }


LINES = [(area, *case) for area, cases in CASES.items() for case in cases]
PYTHONS_OWN = re.compile("unexpected keyword argument|positional argument")


@pytest.mark.parametrize("code, exception, said", [pytest.param(*case, id=f"{area}: {case[0]}")
                                                   for area, *case in LINES])
def test_bad_input_gets_the_promised_error_and_changes_nothing(world, count, code, exception, said):
    before = state(world)
    with pytest.raises(exception) as caught:
        eval(code, world)
    error = caught.value
    assert type(error) is exception
    assert said in str(error) and len(str(error)) < 5000
    assert not PYTHONS_OWN.search(said) or PYTHONS_OWN.search(str(error))
    if not PYTHONS_OWN.search(str(error)):  # raised by the library, not by what it called
        assert Path(caught.traceback[-1].path).is_relative_to(Path(mlplib.__file__).parent)
        assert error.__cause__ is None or exception is store.StoreError
    assert state(world) == before
    count("cases of bad input")


@pytest.mark.parametrize("code", ACCEPTED)
def test_what_is_right_if_only_just_is_accepted(world, count, code):
    assert eval(code, world)
    count("cases of unusual input that is right")


@pytest.mark.parametrize("arguments, said", COMMANDS["python -m mlplib.evidence"], ids=str)
def test_a_command_line_that_is_wrong_trains_nothing(monkeypatch, capsys, count, arguments, said):
    monkeypatch.setattr(sys, "argv", ["mlplib.evidence", *arguments])
    monkeypatch.setattr(sweeps, "sweep", None)
    monkeypatch.delitem(sys.modules, "mlplib.evidence.__main__", raising=False)  # another test may have imported it
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("mlplib.evidence.__main__", run_name="__main__")
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
    count("cases of bad input")


@pytest.mark.skipif(not shutil.which("make") or not (ROOT / ".venv" / ".installed").exists(), reason="needs make")
@pytest.mark.parametrize("arguments, said", COMMANDS["make"], ids=str)
def test_a_make_target_that_is_asked_for_nonsense_says_so_and_makes_nothing(count, arguments, said):
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    before = sorted(ROOT.iterdir()), (ROOT / ".venv" / ".installed").stat().st_mtime_ns
    done = subprocess.run(["make", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert said in done.stderr and "Traceback" not in done.stderr
    assert (sorted(ROOT.iterdir()), (ROOT / ".venv" / ".installed").stat().st_mtime_ns) == before
    count("cases of bad input")


# ---- nothing is left out


def test_every_public_callable_has_a_case():
    codes = "\n".join(code for _, code, *_ in LINES)
    doors = (("", mlplib), ("evidence.", evidence), ("practice.", practice), ("widgets.", widgets))
    public = [prefix + name for prefix, door in doors for name in door.__all__ if callable(getattr(door, name))]
    lacking = {name for name in public if not re.search(rf"(?<![\w.])(mlplib\.)?{re.escape(name)}[.(]", codes)}
    assert lacking == set(WITHOUT_CASES)


def test_every_public_method_with_arguments_has_a_case():
    codes = "\n".join(code for _, code, *_ in LINES)
    methods = [f"{called}.{name}" for kind, called in CALLED.items()
               for name, method in inspect.getmembers(kind, inspect.isroutine)
               if not name.startswith("_") and len(inspect.signature(method).parameters) > inspect.isfunction(method)]
    assert {method for method in methods if f"{method}(" not in codes} == set(METHODS_WITHOUT_CASES)
