#!/usr/bin/env python3
"""Chunked perplexity under eviction with Hugging Face transformers: the program kvcompare is timed against.

    peer_hf.py MODEL_FOLDER IDS.jsonl --methods streaming_llm,random --chunk_size 1 --compression_ratio 0.5

Each chunk is one forward pass over a DynamicCache; forward hooks on every attention layer then prune this layer's part of
it, KV head by KV head. Definitions: docs/semantics.md; positions and sinks are numbered as there. Where the heads keep
different numbers of keys (threshold policy) the shorter ones are padded and masked: a cache tensor is rectangular.

--dense is the program that most people write instead: one pass over whole samples, no cache, nothing evicted, --batch of them together,
the shorter ones padded at the end. Its method is the baseline.

A line of IDS.jsonl holds {"input_ids": [...]}. Prints JSON: for each method the seconds of the evaluation alone (the model is
loaded, and the method has run on a few tokens), avg_nll, keys_kept, and the samples. Needs torch, transformers, safetensors.
"""
import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, gelu, linear

METHODS = ("baseline", "streaming_llm", "random", "knorm", "expected_attention", "kvzap", "observed_attention", "h2o", "tova", "snapkv", "keydiff",
           "lagkv")
OBSERVING = ("observed_attention", "h2o", "tova", "snapkv")     # need the weights of attention
PROTECTED = 2.0**40     # more than any score of a key that is not kept in any case


def philox_uniform(seed, sample, n_streams, n_positions):
    """[n_streams, n_positions] in [0, 1): 24 bits of the first word of Philox4x32-10 at counter (position, stream, sample)."""
    word, half = np.uint64, np.uint64(32)
    mask = word(0xFFFFFFFF)
    x = [np.zeros((n_streams, n_positions), word) + part
         for part in (np.arange(n_positions, dtype=word), np.arange(n_streams, dtype=word)[:, None], word(sample), word(0))]
    for i in range(10):
        key = [word((seed >> shift) + i * step & 0xFFFFFFFF) for shift, step in ((0, 0x9E3779B9), (32, 0xBB67AE85))]
        a, b = x[0] * word(0xD2511F53), x[2] * word(0xCD9E8D57)
        x = [(b >> half) ^ x[1] ^ key[0], b & mask, (a >> half) ^ x[3] ^ key[1], a & mask]
    return torch.from_numpy((x[0] >> word(8)) * 2.0**-24)


class Sample:
    """What the layers share while one sample is evaluated under one method."""

    def __init__(self, model, method, args, index, n_tokens, surrogate):
        self.method, self.args, self.surrogate = method, args, surrogate
        sinks = {"streaming_llm": args.n_sink, "expected_attention": args.n_sink, "lagkv": args.n_sink, "kvzap": args.kvzap_n_sink}
        self.n_sink = sinks.get(method, 0)
        self.by_threshold = args.policy == "threshold" or (args.policy == "auto" and method == "kvzap")
        if method == "random":
            n_layers, n_kv_heads = model.config.num_hidden_layers, model.config.num_key_value_heads
            uniform = philox_uniform(args.seed, index, n_layers * n_kv_heads, n_tokens)
            self.uniform = uniform.view(n_layers, n_kv_heads, -1).to(model.device)
        if method == "expected_attention":      # sums over the positions below i of the rotations' cos and sin, each [i, d]
            positions = torch.arange(n_tokens + args.n_future_positions, device=model.device)[None]
            tables = model.model.rotary_emb(torch.zeros(1, dtype=torch.float64, device=model.device), positions)
            self.turns = [torch.nn.functional.pad(table[0].cumsum(0), (0, 0, 1, 0)) for table in tables]

    def mean_rotation(self, n):
        """[d, d], mean over the positions n, n+1, ... n+n_future_positions-1."""
        cos, sin = ((t[n + self.args.n_future_positions] - t[n]) / self.args.n_future_positions for t in self.turns)
        eye, half = torch.eye(len(cos)).to(cos), len(cos) // 2
        return cos[:, None] * eye + sin[:, None] * torch.cat([-eye[half:], eye[:half]])


class LayerPruner:
    """Hooks of one attention layer. Cached keys are described by positions and scores, both [kv_heads, cached]; of a key that
    is only padding the position is -1. Positions ascend; padding may be anywhere."""

    def __init__(self, attention, sample):
        self.layer, self.sample, self.group = attention.layer_idx, sample, attention.num_key_value_groups
        self.n_judged, self.n_queries, self.query_sum, self.query_outer = 0, 0, 0.0, 0.0
        self.positions = self.scores = self.given = None
        source = {"knorm": "k", "expected_attention": "q"}.get(sample.method)
        self.hooks = [attention.register_forward_hook(self.prune, with_kwargs=True)]
        if source:      # keys or queries before RoPE: [1, tokens, heads, d], or not yet split into heads
            module = getattr(attention, source + "_norm", None) or getattr(attention, source + "_proj")
            self.hooks.append(module.register_forward_hook(lambda _module, _inputs, output: setattr(self, "unrotated", output)))
        if sample.by_threshold:
            self.hooks.append(attention.register_forward_pre_hook(self.mask, with_kwargs=True))

    def mask(self, _module, args, kwargs):
        """The model's own mask knows neither padding nor that layers hold different numbers of keys."""
        chunk = kwargs["hidden_states"].shape[1]
        if self.positions is not None and (chunk > 1 or bool((self.positions < 0).any())):
            past = (self.positions >= 0)[:, None].expand(-1, chunk, -1)
            own = past.new_ones(chunk, chunk).tril().expand(len(past), -1, -1)
            visible = torch.cat([past, own], dim=2).repeat_interleave(self.group, dim=0)
            kwargs["attention_mask"] = visible[None]
        return args, kwargs

    def prune(self, attention, _args, kwargs, output):
        cached = kwargs["past_key_values"].layers[self.layer]
        chunk, n_heads = kwargs["position_ids"][0], cached.keys.shape[1]
        n = self.sample.n
        self.append(attention, kwargs["hidden_states"][0], chunk.expand(n_heads, -1))
        if self.sample.method in OBSERVING:
            self.observe(output[1][0].unflatten(0, (n_heads, -1)).double())
        if self.sample.method == "lagkv":
            self.score_partitions(cached, len(chunk), n)
        if self.sample.by_threshold:
            self.evict_below_threshold(cached, n)
            return
        budget = max(1, min(n, self.sample.n_sink), int(n * (1 - self.sample.args.compression_ratio)))
        if self.positions.shape[1] > budget:
            scores = self.protect(self.current_scores(cached, n), n, budget)
            best = scores.argsort(dim=1, descending=True, stable=True)[:, :budget]
            self.select(cached, best.sort(dim=1).values)

    def append(self, attention, hidden, positions):
        method = self.sample.method
        if method == "streaming_llm":
            scores = positions.double()
        elif method == "random":
            scores = self.sample.uniform[self.layer].gather(1, positions)
        elif method == "kvzap":
            scores = self.sample.surrogate(self.layer, hidden).T.double()
        elif method == "knorm":
            norms = self.unrotated[0].unflatten(-1, (len(positions), -1)) if self.unrotated.dim() == 3 else self.unrotated[0]
            mantissa, exponent = torch.frexp(norms.double().norm(dim=-1).T)
            scores = -torch.ldexp((mantissa * 2**11).round(), exponent - 11)
        else:
            if method == "expected_attention":
                self.add_queries(attention.head_dim, positions[0])
            scores = torch.zeros(positions.shape, dtype=torch.float64, device=positions.device)
        scores = scores.masked_fill(positions < self.sample.n_sink, math.inf)
        self.positions = positions if self.positions is None else torch.cat([self.positions, positions], dim=1)
        self.scores = scores if self.scores is None else torch.cat([self.scores, scores], dim=1)

    def current_scores(self, cached, n):
        method = self.sample.method
        if method == "expected_attention" and n > self.sample.n_sink:
            return self.expected_attention(cached.keys[0].double(), cached.values[0].double(), n)
        if method == "observed_attention":
            return self.given[:, 0] / (n - self.positions)
        if method in ("h2o", "tova"):
            return self.given[:, 0]
        if method == "snapkv":
            return self.smoothed(n)
        if method == "keydiff":
            directions = torch.nn.functional.normalize(cached.keys[0].double(), dim=-1)
            mean = torch.nn.functional.normalize(directions.mean(1, keepdim=True), dim=-1)
            return -((directions * mean).sum(-1) * 2**40).round()       # two keys alone are equally far from their mean
        return self.scores

    def protect(self, scores, n, budget):
        """Of the latest keys, those that the method keeps in any case, the later the rather."""
        args, method = self.sample.args, self.sample.method
        kept = {"h2o": int(budget * args.recent_share), "tova": 1, "snapkv": args.window_size}.get(method, 0)
        if method == "lagkv":
            kept = n - self.sample.n_sink - self.n_partitions(n) * args.lag_size
        protected = (self.positions >= n - kept) & (self.positions >= self.sample.n_sink)
        return torch.where(protected, PROTECTED + self.positions.double(), scores)

    def observe(self, weights):
        """Weights [kv_heads, group, chunk, cached] of attention; what is gathered of them is [kv_heads, rows, cached]."""
        method, args = self.sample.method, self.sample.args
        if method == "tova":
            self.given = weights[:, :, -1:].mean((0, 1)).expand(len(weights), -1, -1)
            return
        new = weights.mean(1) if method == "snapkv" else weights.mean(1).sum(1, keepdim=True)
        if self.given is not None:
            old = torch.nn.functional.pad(self.given, (0, new.shape[2] - self.given.shape[2]))
            new = torch.cat([old, new], dim=1)[:, -args.window_size :] if method == "snapkv" else old + new
        self.given = new[:, -args.window_size :] if method == "snapkv" else new

    def smoothed(self, n):
        args = self.sample.args
        n_before = (self.positions < n - args.window_size).sum(1)    # the same in all heads: the window is always kept
        raw = self.given.mean(1)[:, : n_before[0]]
        around = torch.nn.functional.avg_pool1d(raw[:, None], args.kernel_size, 1, args.kernel_size // 2)[:, 0] if n_before[0] else raw
        return torch.nn.functional.pad(around, (0, self.positions.shape[1] - raw.shape[1]))

    def n_partitions(self, n):
        """Those whose successor is complete."""
        return max(0, (n - self.sample.n_sink) // self.sample.args.lag_size - 1)

    def score_partitions(self, cached, chunk, n):
        lag, first = self.sample.args.lag_size, self.sample.n_sink
        states = torch.stack([cached.keys[0, :, -chunk:], cached.values[0, :, -chunk:]]).double()
        # Evicted or not: [keys and values, kv_heads, n, d], and of each position that is scored its rank.
        self.all_states = states if self.positions.shape[1] == n == chunk else torch.cat([self.all_states, states], dim=2)
        self.rank = torch.cat([getattr(self, "rank", states.new_zeros(states.shape[1], 0)), states.new_zeros(states.shape[1], chunk)], dim=1)
        for p in range(self.n_partitions(n - chunk), self.n_partitions(n)):
            start, stop = first + p * lag, first + (p + 1) * lag
            here, after = self.all_states[:, :, start:stop], self.all_states[:, :, stop : stop + lag]
            low, high = after.amin(2, keepdim=True), after.amax(2, keepdim=True)
            spread = torch.where(high > low, (here - low) / (high - low), 0).std(-1).softmax(-1).mean(0)
            order = spread.flip(1).argsort(dim=1, stable=True)      # on a tie the earlier position ranks higher
            self.rank[:, start:stop] = order.argsort(dim=1).flip(1) / lag
        self.scores = self.rank.gather(1, self.positions).masked_fill(self.positions < first, math.inf)

    def evict_below_threshold(self, cached, n):
        args, start = self.sample.args, self.n_judged
        stop = n - args.sliding_window_size
        if stop <= start:
            return
        self.n_judged = stop
        dead = (self.positions >= start) & (self.positions < stop) & (self.current_scores(cached, n) < args.threshold)
        self.positions = self.positions.masked_fill(dead, -1)
        alive, width = self.positions >= 0, self.positions.shape[1]
        padding = width - int(alive.sum(1).max())
        if padding:
            self.select(cached, alive.to(torch.uint8).argsort(dim=1, stable=True)[:, padding:])

    def select(self, cached, index):
        """Keeps the columns index [kv_heads, kept] of each head."""
        wide = index[None, :, :, None].expand(-1, -1, -1, cached.keys.shape[3])
        cached.keys, cached.values = cached.keys.gather(2, wide), cached.values.gather(2, wide)
        self.positions, self.scores = self.positions.gather(1, index), self.scores.gather(1, index)
        if self.given is not None:
            self.given = self.given.gather(2, index[:, None].expand(-1, self.given.shape[1], -1))

    def add_queries(self, head_dim, positions):
        """Sums of the queries before RoPE and of their outer products, without those of the sinks."""
        q = self.unrotated[0] if self.unrotated.dim() == 4 else self.unrotated[0].unflatten(-1, (-1, head_dim))
        q = q[positions >= self.sample.n_sink].double()
        self.n_queries += len(q)
        self.query_sum = self.query_sum + q.sum(0)
        self.query_outer = self.query_outer + torch.einsum("shi,shj->hij", q, q)

    def expected_attention(self, keys, values, n):
        d, rotation = keys.shape[2], self.sample.mean_rotation(n)
        mean = self.query_sum / self.n_queries
        covariance = rotation @ (self.query_outer / self.n_queries - mean[:, :, None] * mean[:, None]) @ rotation.T
        mean, covariance = (x.unflatten(0, (len(keys), -1)) for x in (mean @ rotation.T, covariance))   # [kv_heads, group, ...]
        z = torch.einsum("hgd,hnd->hgn", mean, keys) / d**0.5
        z = z + ((keys[:, None] @ covariance) * keys[:, None]).sum(-1) / (2 * d)
        protected = self.positions < self.sample.n_sink         # sinks, and padding
        z = z.masked_fill(protected[:, None], -math.inf)
        scores = z.log_softmax(dim=-1).logsumexp(dim=1) - math.log(self.group) + values.norm(dim=-1).log()
        return scores.masked_fill(protected, math.inf)


def load_surrogate(folder, args):
    """KVzap's network of each layer: (layer, [tokens, d_model]) -> [tokens, kv_heads]."""
    hidden_dim = json.loads((folder / "config.json").read_text())["hidden_dim"]
    weights = {}
    for file in sorted(folder.glob("*.safetensors")):
        weights.update((name, w.to(args.device, getattr(torch, args.dtype))) for name, w in load_file(file).items())

    def surrogate(layer, x):
        parts = [f"layers.{layer}.{i}" for i in (0, 2)] if hidden_dim else [f"layers.{layer}"]
        for i, part in enumerate(parts):
            x = linear(gelu(x) if i else x, weights[part + ".weight"], weights[part + ".bias"])
        return x

    return surrogate


@torch.inference_mode()
def evaluate(model, ids, method, args, index, surrogate):
    """(NLL of all tokens but the first, in nats; keys alive at the end) of one sample."""
    ids = torch.tensor(ids, device=model.device)
    cache, nll = transformers.DynamicCache(), 0.0
    sample = Sample(model, method, args, index, len(ids), surrogate)
    pruners = [] if method == "baseline" else [LayerPruner(layer.self_attn, sample) for layer in model.model.layers]
    positions = torch.arange(len(ids), device=model.device)
    for start in range(0, len(ids), args.chunk_size):
        sample.n = stop = min(start + args.chunk_size, len(ids))
        targets = ids[start + 1 : stop + 1]
        output = model(ids[None, start:stop], past_key_values=cache, position_ids=positions[None, start:stop], use_cache=True)
        logits = output.logits[0, : len(targets)].to(torch.promote_types(output.logits.dtype, torch.float32))
        nll += cross_entropy(logits, targets, reduction="none").double().sum().item()
    for pruner in pruners:
        for hook in pruner.hooks:
            hook.remove()
    if not pruners:
        return nll, sum(layer.keys.shape[1] * layer.keys.shape[2] for layer in cache.layers)
    return nll, sum(int((pruner.positions >= 0).sum()) for pruner in pruners)


@torch.inference_mode()
def evaluate_dense(model, batch):
    """NLL of every token but the first, summed for each sample of `batch`, which pass the model together."""
    lengths = list(map(len, batch))
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in batch], batch_first=True).to(model.device)
    padded = min(lengths) < max(lengths)
    mask = (torch.arange(ids.shape[1])[None] < torch.tensor(lengths)[:, None]).long().to(model.device) if padded else None
    logits = model(ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    nll = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(batch), -1)
    return (nll if mask is None else nll * mask[:, 1:]).double().sum(1).tolist()


def run_dense(model, samples, args):
    evaluate_dense(model, samples[: args.batch])     # warm-up
    rows, start = [], time.perf_counter()
    for first in range(0, len(samples), args.batch):
        batch = samples[first : first + args.batch]
        for index, (ids, nll) in enumerate(zip(batch, evaluate_dense(model, batch)), first):
            rows.append({"sample": index, "tokens": len(ids) - 1, "total_nll": nll})
        seconds = time.perf_counter() - start
        if args.enough_seconds and seconds >= args.enough_seconds:
            break
    nll, tokens = math.fsum(row["total_nll"] for row in rows), sum(row["tokens"] for row in rows)
    return {"seconds": seconds, "n_samples": len(rows), "avg_nll": nll / tokens, "per_sample": rows}


def run_method(model, samples, method, args, surrogate):
    evaluate(model, samples[0][: max(32, args.chunk_size)], method, args, 0, surrogate)     # warm-up
    rows, start = [], time.perf_counter()
    for index, ids in enumerate(samples):
        nll, kept = evaluate(model, ids, method, args, index, surrogate)
        seconds = time.perf_counter() - start
        rows.append({"sample": index, "tokens": len(ids) - 1, "total_nll": nll, "keys_kept": kept})
        if args.enough_seconds and seconds >= args.enough_seconds:
            break
    nll, tokens = math.fsum(row["total_nll"] for row in rows), sum(row["tokens"] for row in rows)
    return {"seconds": seconds, "n_samples": len(rows), "avg_nll": nll / tokens,
            "keys_kept": sum(row["keys_kept"] for row in rows), "per_sample": rows}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--methods", default="baseline,streaming_llm", help="names with commas between: " + ", ".join(METHODS))
    defaults = {"chunk_size": 1, "compression_ratio": 0.5, "threshold": -7.0, "sliding_window_size": 128, "n_sink": 4,
                "kvzap_n_sink": 0, "n_future_positions": 512, "recent_share": 0.5, "window_size": 64, "kernel_size": 5, "lag_size": 128,
                "seed": 42, "max_length": 8192, "max_samples": 10**9, "threads": torch.get_num_threads(), "device": "cpu",
                "dtype": "float32"}
    for name, default in defaults.items():
        parser.add_argument("--" + name, type=type(default), default=default)
    parser.add_argument("--policy", choices=["auto", "ratio", "threshold"], default="auto")
    parser.add_argument("--kvzap_scorer_model", type=Path)
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--batch", type=int, default=1, help="samples that pass the model together, with --dense")
    parser.add_argument("--enough_seconds", type=float, default=0.0, help="no further sample after that time; 0: all samples")
    args = parser.parse_args()
    args.methods = args.methods.split(",")
    if unknown := set(args.methods) - set(METHODS):
        parser.error(f"--methods: unknown {', '.join(sorted(unknown))}; accepted: {', '.join(METHODS)}")
    if "kvzap" in args.methods and not args.kvzap_scorer_model:
        parser.error("kvzap needs --kvzap_scorer_model")
    return args


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    with open(args.data) as lines:
        samples = [json.loads(line)["input_ids"][: args.max_length] for line in lines if line.strip()][: args.max_samples]
    if min(map(len, samples)) < 2:
        raise SystemExit(f"{args.data}: every sample must have two tokens or more")
    dtype = getattr(torch, args.dtype)
    # Other implementations of attention do not give its weights.
    attention = "eager" if set(args.methods) & set(OBSERVING) else None
    model = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype, attn_implementation=attention).to(args.device).eval()
    surrogate = load_surrogate(args.kvzap_scorer_model, args) if args.kvzap_scorer_model else None
    report = ({"baseline": run_dense(model, samples, args)} if args.dense else
              {method: run_method(model, samples, method, args, surrogate) for method in args.methods})
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps({"arguments": vars(args), "versions": versions, "methods": report}, indent=1, default=str))


if __name__ == "__main__":
    main()
