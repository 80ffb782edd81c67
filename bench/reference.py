#!/usr/bin/env python3
#
# reference.py: als, itemknn and softmax with NumPy and SciPy, the references of bench/reference.
#
#   reference.py TRAIN.tsv TEST.tsv als FACTORS EPOCHS UNOBSERVED REGULARIZATION SEED
#   reference.py TRAIN.tsv TEST.tsv itemknn NEIGHBORS SHRINK
#   reference.py TRAIN.tsv TEST.tsv softmax FACTORS EPOCHS TEMPERATURE SEED
#
# als: the loss of Rendle et al. 2021, row by row: a matrix of products, Cholesky's factors, a solution.
# itemknn: cosine with shrinkage, the neighbours of the item that is scored.  softmax: that of
# doc/algorithms.md, with the same negatives, batches, item norms, steps and learning rates.
# Prints processor seconds of training, Recall@20 and NDCG@20.
import sys
import time

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix, diags

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


def als(train, factors, epochs, unobserved, regularization, seed):
    transposed = train.T.tocsr()
    random = np.random.default_rng(seed)
    items = random.standard_normal((train.shape[1], factors)) * 0.1 / np.sqrt(factors)
    users = half_step(train, items.astype(np.float32), unobserved, regularization)
    for _ in range(epochs):
        items = half_step(transposed, users, unobserved, regularization)
        users = half_step(train, items, unobserved, regularization)
    return lambda user: items @ users[user]


def itemknn(train, neighbors, shrink):
    common = (train.T @ train).tocsr()
    norm = np.sqrt(common.diagonal())
    common.setdiag(0)
    common.eliminate_zeros()
    item = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
    common.data /= norm[item] * norm[common.indices] + shrink
    for row in range(common.shape[0]):
        values = common.data[common.indptr[row] : common.indptr[row + 1]]
        if len(values) > neighbors:
            values[np.argsort(-values, kind="stable")[neighbors:]] = 0
    common.eliminate_zeros()
    return lambda user: (common @ train[user].T).toarray().ravel()


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Side:
    """Rows of a fixed norm that step by row-wise Adagrad."""

    def __init__(self, random, rows, factors, norm):
        self.norm = norm[:, None].astype(np.float32)
        self.rows = self.norm * unit(random.standard_normal((rows, factors), np.float32))
        self.sums = np.full(rows, 1e-12, np.float32)

    def step(self, rows, gradient, rate):
        direction = self.rows[rows] / self.norm[rows]
        along = (gradient * direction).sum(axis=1, keepdims=True)
        gradient = self.norm[rows] * (gradient - along * direction)
        self.sums[rows] += (gradient**2).mean(axis=1)
        self.rows[rows] = self.norm[rows] * unit(
            direction - rate * gradient / np.sqrt(self.sums[rows])[:, None]
        )


def add_up(numbers, gradient):
    """Sums of the rows of one number: the numbers, the sums."""
    different, group = np.unique(numbers, return_inverse=True)
    ones = np.ones(len(numbers), np.float32)
    return different, csr_matrix((ones, (group, np.arange(len(numbers)))), (len(different), len(numbers))) @ gradient


def softmax(train, factors, epochs, temperature, seed, batch=512, negatives=512, rate=0.2, power=0.1):
    random = np.random.default_rng(seed)
    count = np.asarray(train.sum(axis=0)).ravel()
    norm = (count + 1) ** power
    norm /= (norm * count).sum() / count.sum()
    users = Side(random, train.shape[0], factors, np.ones(train.shape[0]))
    items = Side(random, train.shape[1], factors, norm)
    pairs = train.tocoo()
    negatives = min(negatives, train.shape[1] // 2)
    done, planned = 0, epochs * train.nnz
    for _ in range(epochs):
        order = random.permutation(train.nnz)
        for first in range(0, train.nnz, batch):
            user, item = pairs.row[order[first : first + batch]], pairs.col[order[first : first + batch]]
            drawn = random.choice(train.shape[1], negatives, replace=False)
            p, x = users.rows[user], items.rows[drawn]
            scores = p @ x.T / temperature
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            weights *= 1 - train[user][:, drawn].toarray()
            weights /= temperature * weights.sum(axis=1, keepdims=True)
            of_users = add_up(user, weights @ x - items.rows[item] / temperature)
            of_items = add_up(np.r_[drawn, item], np.r_[weights.T @ p, -p / temperature])
            step = rate * (0.02 + 0.98 * (1 - done / planned))
            users.step(*of_users, step)
            items.step(*of_items, step)
            done += len(user)
    return lambda user: items.rows @ users.rows[user]


def evaluate(train, test, score):
    gains = 1 / np.log2(np.arange(CUTOFF) + 2)
    recall = ndcg = count = 0
    for user in np.flatnonzero(np.diff(test.indptr)):
        relevant = test.indices[test.indptr[user] : test.indptr[user + 1]]
        scores = score(user)
        scores[train.indices[train.indptr[user] : train.indptr[user + 1]]] = -np.inf
        best = np.argsort(-scores, kind="stable")[:CUTOFF]
        hits = np.isin(best, relevant)
        recall += hits.sum() / len(relevant)
        ndcg += gains[: len(hits)][hits].sum() / gains[: min(len(relevant), CUTOFF)].sum()
        count += 1
    return recall / count, ndcg / count


def main():
    algorithm = {"als": als, "itemknn": itemknn, "softmax": softmax}[sys.argv[3]]
    options = [float(text) if "." in text else int(text) for text in sys.argv[4:]]
    train, test = read(sys.argv[1]), read(sys.argv[2])
    shape = tuple(np.maximum(train.shape, test.shape))
    train.resize(shape)
    test.resize(shape)
    start = time.process_time()
    score = algorithm(train, *options)
    seconds = time.process_time() - start
    print("%.2f %.4f %.4f" % (seconds, *evaluate(train, test, score)))


main()
