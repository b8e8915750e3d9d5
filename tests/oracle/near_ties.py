"""Runs the oracle on one sample and notes how near to a tie its decisions were.

`near_tie` of a sample is the smallest relative change of scores that could have changed which key is evicted; None where
no change of rounding can (scores that are exact in every dtype, or nothing was decided). Exact ties do not count: the
position decides them. A disagreement between two engines may be called a near-tie only where `near_tie` is about as small
as their rounding; it can be so even in float64, because equal tokens have equal kvzap scores in layer 0 and the oracle's
matrix products round them by their row.
"""
import importlib.util
import math
from types import SimpleNamespace

import torch

DEFAULTS = dict(chunk_size=1, compression_ratio=0.5, threshold=-7.0, sliding_window_size=128, n_sink=4, kvzap_n_sink=0,
                n_future_positions=512, use_covariance=True, use_vnorm=True, policy=None, seed=42, kvzap_scorer_model=None,
                cache_size=1024, protect_first=0, protect_last=0, protocol="decode", context_length="all", budget_counts="all",
                layer_budgets="uniform", pyramid_beta=20.0, head_budgets="uniform", alpha_safeguard=0.2, recent_share=0.5,
                window_size=64, kernel_size=5, lag_size=128)
EXACT = {"random", "streaming_llm"}             # their scores are integers of at most 24 bits, scaled
OF_WEIGHTS = {"observed_attention", "h2o", "tova", "snapkv"}    # scores that are sums of weights: errors are relative
KNORM_STEPS = [10.0**e * m for e in range(-8, -3) for m in (1, 3)] + [1e-3]


def load_oracle(path):
    spec = importlib.util.spec_from_file_location("oracle", path)
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)
    return oracle


def arguments(flags):
    unknown = set(flags) - set(DEFAULTS)
    if unknown:
        raise ValueError(f"unknown flags {unknown}")
    return SimpleNamespace(**{**DEFAULTS, **flags})


class WatchedScorer:
    """Remembers the scores of the last event, and of all of them."""

    def __init__(self, scorer):
        self.scorer, self.n_sink, self.window, self.last, self.seen = scorer, scorer.n_sink, scorer.window, None, []

    def protected_from(self, n, budget):
        return self.scorer.protected_from(n, budget)

    def score(self, cache, n):
        self.last = self.scorer.score(cache, n)
        return self.last


class WatchedPolicy:
    def __init__(self, policy, method):
        self.policy, self.method, self.window, self.nearest = policy, method, policy.window, math.inf
        self.threshold = getattr(policy, "threshold", None)
        self.judged = {}

    def evict(self, cache, scorer, n):
        before, scorer.last = list(cache.alive), None
        self.policy.evict(cache, scorer, n)
        if scorer.last is None:
            return
        start, stop = 0, n
        if self.threshold is not None:
            start, stop = self.judged.get(id(cache), 0), n - self.window
            self.judged[id(cache)] = stop
        else:
            budget = self.policy.budget(n, cache.layer, cache.model.layers, scorer)
            stop = min(n - self.policy.protect_last, scorer.protected_from(n, budget))
        first, heads = max(start, scorer.n_sink, self.policy.protect_first), []
        for h, row in enumerate(scorer.last):
            at = [i for i, j in enumerate(before[h]) if first <= j < stop]
            body, row = [before[h][i] for i in at], row[at]
            scorer.seen += row.tolist()
            heads.append((h, body, row, set(cache.alive[h])))
        if self.method in EXACT:
            return
        if self.method == "lagkv":
            self.nearest = min(self.nearest, self.lag_gap(cache, scorer.scorer, n))
        elif self.threshold is None and self.policy.heads == "adaptive":
            self.nearest = min(self.nearest, self.shared_gap(cache, before, heads, int(self.policy.alpha * budget), stop, first))
        else:
            self.nearest = min([self.nearest, *(self.gap(cache, *head) for head in heads if head[1])])

    def scale(self, s):
        return abs(s) if self.method in OF_WEIGHTS else max(1.0, abs(s))

    def distance(self, a, b):
        return (a - b) / max(self.scale(a), self.scale(b), 1e-300)

    def gap(self, cache, h, body, row, kept):
        if self.method == "knorm":
            return self.knorm_gap(cache.raw_keys[h, body].norm(dim=-1), body, kept)
        if self.threshold is not None:
            return min(abs(self.distance(s, self.threshold)) for s in row.tolist())
        return self.gap_between([s for s, j in zip(row.tolist(), body) if j in kept], [s for s, j in zip(row.tolist(), body) if j not in kept])

    def gap_between(self, stay, go):
        if not stay or not go:
            return math.inf
        pairs = [(min(stay), max((s for s in go if s < min(stay)), default=-math.inf)),
                 (min((s for s in stay if s > max(go)), default=math.inf), max(go))]
        return min((self.distance(a, b) for a, b in pairs if math.isfinite(a - b)), default=math.inf)

    def shared_gap(self, cache, before, heads, n_safe, stop, first):
        """Of heads that share their budgets: within the rank of all, and at the border of each head's safe keys."""
        stay, go, nearest = [], [], math.inf
        for h, body, row, kept in heads:
            if not body:
                continue
            if self.method == "knorm":
                nearest = min(nearest, self.knorm_gap(cache.raw_keys[h, body].norm(dim=-1), body, kept))
            n_above = sum(j < first or j >= stop for j in before[h])
            order = sorted(zip(row.tolist(), body), key=lambda entry: (-entry[0], entry[1]))
            n_safe_here = max(0, min(len(order), n_safe - n_above))
            safe, others = order[:n_safe_here], order[n_safe_here:]
            if safe and others and any(j not in kept for _, j in others):
                nearest = min(nearest, self.gap_between([s for s, _ in safe], [s for s, _ in others]))
            stay += [s for s, j in others if j in kept]
            go += [s for s, j in others if j not in kept]
        return min(nearest, self.gap_between(stay, go))

    def lag_gap(self, cache, scorer, n):
        """The score is a rank: what counts is how far apart in its partition two neighbours in rank are."""
        nearest = math.inf
        for p in range(scorer.n_scored(n)):
            here = slice(scorer.n_sink + p * scorer.lag, scorer.n_sink + (p + 1) * scorer.lag)
            after = slice(here.stop, here.stop + scorer.lag)
            for h in range(len(cache.alive)):
                s = scorer.spread(cache.keys[h, here], cache.keys[h, after]) + scorer.spread(cache.values[h, here], cache.values[h, after])
                gaps = s.sort().values.diff()
                gaps = gaps[gaps > 0]
                nearest = min(nearest, gaps.min().item() if len(gaps) else math.inf)
        return nearest

    def knorm_gap(self, norms, body, kept):
        """The score is rounded: what counts is how far a norm is from where it would round otherwise."""
        is_kept = torch.tensor([j in kept for j in body])
        positions = torch.tensor(body)
        for step in KNORM_STEPS:
            up, down = rounded(norms * (1 + step)), rounded(norms * (1 - step))
            if self.threshold is not None:
                if bool(((-up < self.threshold) != (-down < self.threshold)).any()):
                    return step
                continue
            stay = sorted(zip(up[is_kept].tolist(), positions[is_kept].tolist()))
            go = sorted(zip(down[~is_kept].tolist(), positions[~is_kept].tolist()))
            if stay and go and stay[-1] > go[0]:
                return step
        return math.inf


def rounded(norms):
    mantissa, exponent = torch.frexp(norms)
    return torch.ldexp((mantissa * 2.0**11).round() / 2.0**11, exponent)


def context_of(args, ids):
    """Tokens of the context of a sample; None in the protocol decode."""
    if args.protocol == "decode":
        return None
    return len(ids) if args.context_length == "all" else min(args.context_length, len(ids))


def evaluate(oracle, model, ids, method, flags, sample):
    """The oracle's row of a sample, with `near_tie` and the scores that were compared, `scores`."""
    args = arguments(flags)
    context = context_of(args, ids)
    scored = [[context, len(ids)]] if context is not None and context < len(ids) else None

    def row_of(scorer, policy):
        return oracle.evaluate_sample(model, ids, scorer, policy, args.chunk_size, sample, context, scored, None, args.protocol)

    with torch.no_grad():
        scorer, make_policy = oracle.build(method, args)
        policy = make_policy(context or 0)
        if scorer is None:
            return {**row_of(None, policy), "near_tie": None, "scores": []}
        scorer, policy = WatchedScorer(scorer), WatchedPolicy(policy, method)
        row = row_of(scorer, policy)
    return {**row, "near_tie": None if math.isinf(policy.nearest) else policy.nearest, "scores": scorer.seen}


def median_score(oracle, model, ids, method, flags):
    """A threshold that evicts about half of the keys it judges: 3 significant digits."""
    row = evaluate(oracle, model, ids, method, {**flags, "policy": "threshold", "threshold": -1e300}, 0)
    return float(f"{torch.tensor(row['scores']).median().item():.3g}")
