"""Makes the table of services/cache/embed/static from all-MiniLM-L6-v2.

    python distill.py --model FOLDER --wordnet FOLDER [--cache FOLDER] OUT

OUT is the folder services/cache/embed/static. The README beside this says where the folders
come from, and how near a second run comes to the table that is kept.
"""

import argparse
import gzip
import json
import pathlib
import struct

import numpy as np
import scipy.sparse as sparse

import corpus
from minilm import MiniLM

QUESTIONS, DEFINITIONS = 45000, 35000  # besides all 47,580 of WordNet's examples
DIM = 256
BITS = 4
SPECIAL = (100, 101, 102, 103)  # [UNK], [CLS], [SEP], [MASK]: they mean nothing
WORDS = 1996  # the first token that is a word of letters
RIDGE, ROUNDS, STEPS = 5.0, 3, 40


def kept(cache, name, compute):
    """Computes an array, or takes it from the folder of an earlier run."""
    path = cache and pathlib.Path(cache) / f"{name}.npy"
    if path and path.exists():
        return np.load(path)
    value = compute()
    if path:
        np.save(path, value)
    return value


def counts(ids, vocabulary):
    """A row for each text with how often it has each token, without [CLS] and [SEP]."""
    columns = [i for text in ids for i in text[1:-1]]
    ends = np.cumsum([0] + [len(text) - 2 for text in ids])
    m = sparse.csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=(len(ids), vocabulary))
    m.sum_duplicates()
    return m


def unit(x):
    length = np.linalg.norm(x, axis=1, keepdims=True)
    length[length == 0] = 1
    return x / length


def basis(vectors):
    """The mean, and the directions in which vectors differ the most."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - mean
    values, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, np.argsort(-values)[:DIM]]
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(DIM)])
    return mean.astype(np.float32), directions.astype(np.float32)


def first(tokens, directions):
    """Where the fit begins, and where tokens stay that no text has: what the model says of
    each token alone, the less the commoner it is. The vocabulary is sorted by frequency, and
    frequency falls as Zipf says."""
    frequency = 1 / (1.0 + np.arange(len(tokens)))
    frequency /= frequency.sum()
    table = (tokens - tokens[WORDS:].mean(axis=0)) @ directions
    table *= (1e-4 / (1e-4 + frequency))[:, None]
    table[list(SPECIAL)] = 0
    return table.astype(np.float32)


def fit(a, goal, table):
    """Moves the rows of table so that the sums of texts' rows point where goal does: ridge
    regression by conjugate gradients, with each text's sum scaled to length 1 as it was
    after the round before."""
    start = table / np.sqrt((np.square(a @ table).sum(axis=1)).mean())
    table = start
    for _ in range(ROUNDS):
        length = np.linalg.norm(a @ table, axis=1)
        length[length == 0] = 1
        b = (sparse.diags(np.minimum(1 / length, 50).astype(np.float32)) @ a).tocsr()
        bt = b.T.tocsr()
        step = 1 / (np.asarray(b.multiply(b).sum(axis=0)).ravel() + RIDGE).astype(np.float32)[:, None]
        x = np.zeros_like(start)
        r = bt @ (goal - b @ start)
        z = step * r
        p = z.copy()
        rz = (r * z).sum(axis=0)
        for _ in range(STEPS):
            q = bt @ (b @ p) + np.float32(RIDGE) * p
            by = rz / np.maximum((p * q).sum(axis=0), 1e-20)
            x += by * p
            r -= by * q
            z = step * r
            after = (r * z).sum(axis=0)
            p = z + after / np.maximum(rz, 1e-20) * p
            rz = after
        table = start + x
        print("cosine on the texts", float((unit(a @ table) * goal).sum(axis=1).mean()), flush=True)
    table[list(SPECIAL)] = 0
    return table


def quantize(table):
    """Rounds each row to whole numbers of BITS bits with a weight of 16 bits."""
    most = 2 ** (BITS - 1) - 1
    # The largest of a row's numbers may be cut: the others are then finer.
    scale = np.quantile(np.abs(table), 0.98, axis=1, keepdims=True) / most
    weights = np.round(scale / scale.max() * 65535).astype(np.uint16).ravel()
    scale[scale == 0] = 1
    numbers = np.clip(np.round(table / scale), -most, most).astype(np.int8)
    return weights, numbers


def write(path, vocabulary, weights, numbers):
    """See the comment of magic in static.go."""
    text = "".join(t + "\n" for t in vocabulary).encode()
    nibbles = (numbers + 8).astype(np.uint8)
    with open(path, "wb") as f:
        f.write(b"TGEMBED1" + struct.pack("<4I", DIM, len(vocabulary), len(text), vocabulary.index("[UNK]")))
        f.write(text)
        f.write(weights.astype("<u2").tobytes())
        f.write((nibbles[:, ::2] | nibbles[:, 1::2] << 4).tobytes())


ODD = [
    "naïve CAFÉ — “quoted” ‘single’ … – † • € £ №",
    "e\u0301 o\u0308 N\u0303 É Ö ñ \u1e9b\u0323 q\u0307\u0323 İstanbul ŞIŞLI ΣΑΣ",
    "今天北京的天气怎么样？ 東京から京都まで何時間かかりますか。",
    "서울에서 부산까지 얼마나 걸려요? كم عدد سكان القاهرة؟ मुंबई की जनसंख्या कितनी है?",
    "Сколько стоит билет на поезд из Москвы? Πόσο κοστίζει ένα εισιτήριο;",
    "👍🏽 👨‍👩‍👧‍👦 🇳🇱 ❤️ 😀 ½ ① ﬁne ｆｕｌｌ",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis xqzjkvwqx",
    "A" * 100 + " " + "a" * 101 + " b " + "é" * 100 + " " + "é" * 101,
    "a\tb\nc\r\nd\u00a0e\u2003f\u3000g\u200bh\u200ci\u200dj\ufeffk \x0b\x0c\x1f\x7f\x85",
    "a \x00\x01x\ufffdy\ufffe\U000e0001z",
    "don't WON'T it's C# C++ F# a.b_c[d] {e} <f> `g` ~h ^i |j \\k",
    "https://Example.com/a/b?c=d&e=%20#f user@example.org 192.168.0.1 1,234.5e-6 2024-05-17",
    "##ing ## # [unused1] [x]",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--wordnet", required=True)
    parser.add_argument("--cache")
    parser.add_argument("out")
    args = parser.parse_args()
    model = MiniLM(args.model)
    vocabulary = pathlib.Path(args.model, "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]

    texts = corpus.texts(args.wordnet, QUESTIONS, DEFINITIONS)
    ids = model.ids(texts)
    tokens = kept(args.cache, "tokens", lambda: model.encode([[101, i, 102] for i in range(len(vocabulary))]))
    meanings = kept(args.cache, "texts", lambda: model.encode(ids))
    mean, directions = basis(meanings)
    a = counts(ids, len(vocabulary))
    table = fit(a, unit((meanings - mean) @ directions), first(tokens, directions))
    weights, numbers = quantize(table)

    out = pathlib.Path(args.out)
    write(out / "table.bin", vocabulary, weights, numbers)
    recorded = [t for t in texts if t.endswith("?")][:300] + ODD
    model.tokenizer.no_truncation()
    lines = []
    for text, i in zip(recorded, model.tokenizer.encode_batch(recorded, add_special_tokens=False)):
        # The sum of the table's rows in whole numbers, which is exact.
        total = (numbers[i.ids].astype(np.int64) * weights[i.ids].astype(np.int64)[:, None]).sum(axis=0)
        lines.append([text, i.ids, total[:8].tolist()])
    (out / "testdata").mkdir(exist_ok=True)
    with open(out / "testdata" / "texts.json.gz", "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", mtime=0, filename="") as z:
        z.write((json.dumps(lines, separators=(",", ":")) + "\n").encode())


main()
