"""The statistics of docs/semantics.md once more, in numpy and in the plainest way: the differences of two methods are resampled
and flipped themselves, one pair of methods after the other."""
import numpy as np

RESAMPLES = 10_000
FEWEST_SAMPLES = 8
MOST_PAIRS_OF = 250


def philox_words(key, high, low):
    """First word of Philox4x32-10 for the counters (high << 64) + low; arrays of uint64."""
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    counter = [low & mask, low >> shift, high & mask, high >> shift]
    keys = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        first, second = counter[0] * np.uint64(0xD2511F53), counter[2] * np.uint64(0xCD9E8D57)
        counter = [(second >> shift) ^ counter[1] ^ np.uint64(keys[0]), second & mask,
                   (first >> shift) ^ counter[3] ^ np.uint64(keys[1]), first & mask]
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter[0]


def uniforms(first_resample, n_samples):
    """[RESAMPLES][n_samples] in [0, 1)."""
    rows = np.arange(first_resample, first_resample + RESAMPLES, dtype=np.uint64)[:, None]
    words = philox_words(0, np.broadcast_to(rows, (RESAMPLES, n_samples)),
                         np.broadcast_to(np.arange(n_samples, dtype=np.uint64), (RESAMPLES, n_samples)))
    return (words >> np.uint64(8)).astype(np.float64) * 2.0 ** -24


def times_drawn(n_samples):
    indices = (uniforms(0, n_samples) * n_samples).astype(np.int64)
    return np.array([np.bincount(row, minlength=n_samples) for row in indices], dtype=np.float64)


def signs(n_samples):
    return np.where(uniforms(RESAMPLES, n_samples) < 0.5, -1.0, 1.0)


def holm(p_values):
    """The definition: hypotheses in the order of their p-values, each times the number of those not yet rejected."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    for rank, i in enumerate(order):
        corrected[i] = min(1.0, max((len(p_values) - r) * p_values[order[r]] for r in range(rank + 1)))
    return corrected


def interpolated(density, densities, deltas):
    """NaN beyond the ends. Points of one density count as one, with the mean of their deltas."""
    if np.all(np.diff(np.sort(densities)) > 0):
        order = np.argsort(densities)
        return np.interp(density, densities[order], deltas[order], left=np.nan, right=np.nan)
    distinct = np.unique(densities)
    means = np.array([deltas[densities == value].mean() for value in distinct])
    return np.interp(density, distinct, means, left=np.nan, right=np.nan)


def interpolated_rows(density, densities, deltas):
    """interpolated() of every column of [points][resamples]."""
    order = np.argsort(densities, axis=0)
    x, y = np.take_along_axis(densities, order, 0), np.take_along_axis(deltas, order, 0)
    values = np.full(x.shape[1], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        for below in range(len(x) - 1):
            between = (x[below] <= density) & (density <= x[below + 1])
            slope = (y[below + 1] - y[below]) / (x[below + 1] - x[below])
            values[between] = (y[below] + (density - x[below]) * slope)[between]
    for r in np.flatnonzero((np.diff(x, axis=0) == 0).any(axis=0)):
        values[r] = interpolated(density, densities[:, r], deltas[:, r])
    return values


class Reference:
    def __init__(self, case):
        self.case = case
        self.methods = case["methods"]
        self.n_scored = np.array(case["n_scored"], dtype=np.float64)
        self.n_samples = len(self.n_scored)
        self.enough = self.n_samples >= FEWEST_SAMPLES
        if self.enough:
            self.drawn = times_drawn(self.n_samples)
            self.signs = signs(self.n_samples)

    def column(self, m, name):
        return np.array(self.methods[m][name], dtype=np.float64)

    def has_totals(self, m):
        return self.methods[m]["total_nll"] is not None

    def nll_difference(self, a, b):
        return self.column(a, "total_nll") - self.column(b, "total_nll")

    def deltas(self, a, b):
        """[RESAMPLES], nats a token."""
        return self.drawn @ self.nll_difference(a, b) / (self.drawn @ self.n_scored)

    def delta(self, a, b):
        return self.nll_difference(a, b).sum() / self.n_scored.sum()

    def interval(self, values):
        return list(np.percentile(values, [2.5, 97.5]))

    def ppl_interval(self, a, b):
        avg_nll = self.drawn @ self.column(b, "total_nll") / (self.drawn @ self.n_scored)
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.exp(avg_nll) * np.expm1(self.deltas(a, b))
        return self.interval(values) if np.all(np.isfinite(values)) else None

    def p_value(self, a, b):
        d = self.nll_difference(a, b)
        flipped = np.abs(self.signs @ d)
        return (1 + int(np.sum(flipped >= abs(d.sum()) - 1e-12 * np.abs(d).sum()))) / (1 + RESAMPLES)

    def compared(self, a, b):
        if not self.enough:
            return {"ci95": None, "p": None, "p_holm": None}
        return {"ci95": self.interval(self.deltas(a, b)), "p": self.p_value(a, b)}

    @staticmethod
    def corrected(rows):
        rows_with_p = [row for row in rows if row["p"] is not None]
        for row, p in zip(rows_with_p, holm([row["p"] for row in rows_with_p])):
            row["p_holm"] = p
        return rows

    def against_baseline(self):
        nothing = {"delta": None, "ci95": None, "ppl_ci95": None, "p": None, "p_holm": None}
        rows = []
        for m in range(len(self.methods)):
            row = dict(nothing)
            if m > 0 and self.has_totals(0) and self.has_totals(m):
                row["delta"] = self.delta(m, 0)
                row.update(self.compared(m, 0))
                if self.enough:
                    row["ppl_ci95"] = self.ppl_interval(m, 0)
            rows.append(row)
        return self.corrected(rows)

    def quality(self):
        """Intervals of means over tokens, and of answers over ranges; the resamples that have no range are left out, if few."""
        rows = []
        for m, method in enumerate(self.methods):
            row = dict.fromkeys(("mean_kl", "same_top1", "greedy_accuracy", "answers", "evidence_kept"))
            rows.append(row)
            if not self.has_totals(m) or not self.enough:
                continue
            for name, part in (("mean_kl", "kl"), ("same_top1", "same_top1"), ("greedy_accuracy", "greedy_hits")):
                if part in method:
                    row[name] = self.interval((self.drawn @ self.column(m, part)) / (self.drawn @ self.n_scored))
            if sum(method.get("spans", [])) > 0:
                spans = self.drawn @ self.column(m, "spans")
                exact = self.drawn @ self.column(m, "spans_exact")
                if np.mean(spans == 0) <= 0.05:
                    row["answers"] = self.interval(exact[spans > 0] / spans[spans > 0])
            if sum(method.get("evidence_keys", [])) > 0:
                keys = self.drawn @ self.column(m, "evidence_keys")
                kept = self.drawn @ self.column(m, "evidence_keys_kept")
                if np.mean(keys == 0) <= 0.05:
                    row["evidence_kept"] = self.interval(kept[keys > 0] / keys[keys > 0])
        return rows

    def differences(self):
        instances = [m for m in range(1, len(self.methods)) if self.has_totals(m)]
        if not 2 <= len(instances) <= MOST_PAIRS_OF:
            return []
        return self.corrected([{"a": a, "b": b, "difference": self.delta(a, b), **self.compared(a, b)}
                               for i, a in enumerate(instances) for b in instances[i + 1:]])

    def sweeps(self):
        sweeps = {}
        for m, method in list(enumerate(self.methods))[1:]:
            kind = "ratio" if "ratio" in method else "threshold"
            sweeps.setdefault((method["name"], method.get("n_sink"), kind), []).append(m)
        return [points for points in sweeps.values() if len(points) > 1]

    def density(self, m, weights):
        return weights @ self.column(m, "attended") / (weights @ self.column(m, "attendable"))

    def at_density(self, density, points):
        row = {"density": density, "delta": None, "ci95": None, "points": []}
        points = [m for m in points if self.has_totals(m)]
        if not self.has_totals(0):
            return row
        ones = np.ones(self.n_samples)
        densities = np.array([self.density(m, ones) for m in points])
        row["points"] = [points[i] for i in np.argsort(densities, kind="stable")]
        if len(points) < 2:
            return row
        value = interpolated(density, densities, np.array([self.delta(m, 0) for m in points]))
        if np.isnan(value):
            return row
        row["delta"] = float(value)
        if self.enough:
            densities = np.array([self.density(m, self.drawn) for m in points])
            deltas = np.array([self.deltas(m, 0) for m in points])
            values = interpolated_rows(density, densities, deltas)
            values = values[~np.isnan(values)]
            if RESAMPLES - len(values) <= 0.05 * RESAMPLES:
                row["ci95"] = self.interval(values)
        return row

    def equal_density(self):
        return [self.at_density(density, points) for density in self.case["densities"] for points in self.sweeps()]
