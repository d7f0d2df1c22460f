"""all-MiniLM-L6-v2 in NumPy: what sentence-transformers computes, from the weights' file."""

import json
import pathlib

import numpy as np
from tokenizers import Tokenizer

HEADS, LAYERS, LONGEST = 12, 6, 256


def tensors(path):
    """The tensors of a safetensors file: a length, a header in JSON, the numbers."""
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    out = {}
    for name, t in header.items():
        if name == "__metadata__" or t["dtype"] != "F32":
            continue
        begin, end = (8 + size + offset for offset in t["data_offsets"])
        out[name] = np.frombuffer(data[begin:end], dtype="<f4").reshape(t["shape"])
    return out


def gelu(x):
    """x * (1 + erf(x/√2)) / 2, with erf by 7.1.26 of Abramowitz and Stegun, within 1.5e-7."""
    f = np.float32
    z = np.abs(x) * f(np.sqrt(0.5))
    t = 1 / (1 + f(0.3275911) * z)
    tail = f(1.061405429) * t
    for c in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += f(c)
        tail *= t
    tail *= np.exp(-z * z) * f(0.5)
    return np.where(x < 0, x * tail, x - x * tail)


class MiniLM:
    """The model in a folder with model.safetensors and tokenizer.json."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.weights = tensors(folder / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(LONGEST)

    def ids(self, texts):
        """The identifiers of each text's tokens, [CLS] and [SEP] among them."""
        return [e.ids for e in self.tokenizer.encode_batch(list(texts))]

    def encode(self, ids, batch=1024):
        """The vectors of token sequences, one row each, of length 1. Only sequences of one
        length are computed together, so that nothing is padded."""
        out = np.empty((len(ids), 384), dtype=np.float32)
        lengths = np.array([len(i) for i in ids])
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            step = max(1, batch // int(length))
            for begin in range(0, len(rows), step):
                some = rows[begin : begin + step]
                mean = self.forward(np.array([ids[r] for r in some])).mean(axis=1)
                out[some] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return out

    def forward(self, ids):
        w = self.weights
        b, n = ids.shape
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][:n] + w["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x, "embeddings.LayerNorm").reshape(b * n, 384)
        for i in range(LAYERS):
            at = f"encoder.layer.{i}."

            def heads(name, x=x, at=at):
                y = self.linear(x, at + "attention.self." + name)
                return y.reshape(b, n, HEADS, 384 // HEADS).transpose(0, 2, 1, 3)

            q, k, v = heads("query"), heads("key"), heads("value")
            a = np.matmul(q, k.transpose(0, 1, 3, 2)) / np.float32(np.sqrt(384 // HEADS))
            a = np.exp(a - a.max(axis=-1, keepdims=True))
            a /= a.sum(axis=-1, keepdims=True)
            a = np.matmul(a, v).transpose(0, 2, 1, 3).reshape(b * n, 384)
            x = self.norm(x + self.linear(a, at + "attention.output.dense"), at + "attention.output.LayerNorm")
            h = self.linear(x, at + "intermediate.dense")
            x = self.norm(x + self.linear(gelu(h), at + "output.dense"), at + "output.LayerNorm")
        return x.reshape(b, n, 384)

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]
