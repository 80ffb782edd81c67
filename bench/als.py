#!/usr/bin/env python3
#
# als.py: alternating least squares with NumPy and SciPy, the reference of bench/als.
#
#   als.py TRAIN.tsv TEST.tsv FACTORS EPOCHS UNOBSERVED REGULARIZATION SEED
#
# The loss of Rendle et al. 2021, row by row: a matrix of products, Cholesky's factors, a solution.
# Prints processor seconds of training, Recall@20 and NDCG@20.
import sys
import time

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix

CUTOFF = 20


def read(name, shape=None):
    rows = np.loadtxt(name, dtype=np.int64, usecols=(0, 1), ndmin=2)
    shape = shape or tuple(rows.max(axis=0) + 1)
    matrix = csr_matrix((np.ones(len(rows), np.float32), (rows[:, 0], rows[:, 1])), shape)
    matrix.data[:] = 1
    return matrix


def half_step(touched, fixed, unobserved, regularization):
    gram = unobserved * (fixed.T @ fixed)
    identity = np.eye(fixed.shape[1], dtype=np.float32)
    solved = np.zeros((touched.shape[0], fixed.shape[1]), np.float32)
    for row in range(touched.shape[0]):
        others = touched.indices[touched.indptr[row] : touched.indptr[row + 1]]
        if len(others) == 0:
            continue
        own = fixed[others]
        penalty = regularization * (len(others) + unobserved * touched.shape[1])
        system = gram + own.T @ own + np.float32(penalty) * identity
        factors = cho_factor(system, overwrite_a=True, check_finite=False)
        solved[row] = cho_solve(factors, own.sum(axis=0), check_finite=False)
    return solved


def evaluate(train, test, users, items):
    gains = 1 / np.log2(np.arange(CUTOFF) + 2)
    recall = ndcg = count = 0
    for user in np.flatnonzero(np.diff(test.indptr)):
        relevant = test.indices[test.indptr[user] : test.indptr[user + 1]]
        scores = items @ users[user]
        scores[train.indices[train.indptr[user] : train.indptr[user + 1]]] = -np.inf
        best = np.argsort(-scores, kind="stable")[:CUTOFF]
        hits = np.isin(best, relevant)
        recall += hits.sum() / len(relevant)
        ndcg += gains[: len(hits)][hits].sum() / gains[: min(len(relevant), CUTOFF)].sum()
        count += 1
    return recall / count, ndcg / count


def main():
    factors, epochs = int(sys.argv[3]), int(sys.argv[4])
    unobserved, regularization = float(sys.argv[5]), float(sys.argv[6])
    train, test = read(sys.argv[1]), read(sys.argv[2])
    shape = tuple(np.maximum(train.shape, test.shape))
    train.resize(shape)
    test.resize(shape)
    transposed = train.T.tocsr()
    random = np.random.default_rng(int(sys.argv[7]))
    items = (0.1 / np.sqrt(factors) * random.standard_normal((shape[1], factors))).astype(np.float32)
    start = time.process_time()
    users = half_step(train, items, unobserved, regularization)
    for _ in range(epochs):
        items = half_step(transposed, users, unobserved, regularization)
        users = half_step(train, items, unobserved, regularization)
    seconds = time.process_time() - start
    print("%.2f %.4f %.4f" % (seconds, *evaluate(train, test, users, items)))


main()
