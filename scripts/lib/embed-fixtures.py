"""Records what sentence-transformers and its tokenizers do, on a small random model.

Called by scripts/embed-fixtures with the folder to write into, which is laid out as the
repository. Everything is seeded, and the texts are this file's own.
"""

import collections
import gzip
import json
import os
import random
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import onnx
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast

ROOT = sys.argv[1]
TOKENIZER = os.path.join(ROOT, "platform", "hftokenizer", "testdata", "uncased")
MODEL = os.path.join(ROOT, "services", "cache", "embed", "onnx", "testdata", "bert")

CORPUS = """
How do I reset the password of my account?
What is the difference between a hurricane and a typhoon?
Is it safe to drink the water in Mexico City, or should we boil it first?
Who wrote "The Old Man and the Sea", and in which year?
Write a function that returns the sum of two numbers.
Explain photosynthesis to a child in 3 sentences.
Was kostet ein Flug von München nach Zürich?
Où est la bibliothèque la plus proche de l'hôtel ?
¿Cuánto tiempo se tarda en aprender español?
Сколько стоит билет на поезд из Москвы?
Πόσο κοστίζει ένα εισιτήριο;
今天北京的天气怎么样？
東京から京都まで何時間かかりますか。
서울에서 부산까지 얼마나 걸려요?
كم عدد سكان القاهرة؟
मुंबई की जनसंख्या कितनी है?
""".strip().split("\n")

# Text that a tokenizer may get wrong.
ODD = [
    "",
    " ",
    "\n\n \t",
    "  two  spaces  ",
    "a\tb\nc\r\nd\u00a0e\u2003f\u3000g\u200bh\u200ci\u200dj\ufeffk",
    "ﬁne ﬂow ½ ① Ⅷ ㎏ ﷺ ｆｕｌｌ ＷＩＤＴＨ",
    "e\u0301 o\u0308 N\u0303 É Ö ñ \u1e9b\u0323 q\u0307\u0323",
    "\u1112\u1161\u11ab\u1100\u1173\u11af 한글 각\u11a8",
    "क्षि नि षि ก็ น้ำ அன்பு ক্ষ",
    "👍🏽 👨‍👩‍👧‍👦 🇳🇱🇩🇪 ❤️ 😀",
    "NAÏVE Café — “Quoted” ‘Single’ … – † • € £ №",
    "don't WON'T it's I'm , . ! ? ' n't",
    "[CLS] [SEP] [UNK] [PAD] [MASK] [mask] x",
    "a[MASK]b  [MASK]  c",
    "\x00\x01\x07\x1b\x7f\x80\x9f\xad\u061c\u2060\u2066\ufffd\ufffe\U000e0001x",
    "漢字かな交じり文ABC123混在,テスト。",
    "A" * 100 + " " + "a" * 101 + " b",
    "É" * 100 + " " + "é" * 101 + " b",
    "https://Example.com/a/b?c=d&e=%20#f User@example.org C:\\dir\\x",
    "0 1 23 456 7,890 1.5e-3 ٣٤٥ ४५ ² ₃ Ⅳ",
    "$ + < = > ^ ` | ~ ¬ × ÷ ∑ ← \u2028 \u2029 x\u0085y",
    "İstanbul ŞIŞLI ǅ ẞ ſ Ω K Å ΣΑΣ",
    "𝒜𝓑𝔠 𝟘𝟙 𐐀𐐨 𠀀 𪜀 豈",
    "\u0300 leading mark, a\u0300\u0301\u0302\u0303 many marks, \u302e\u1d165",
]


def save(folder, name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True) + "\n"
    with open(os.path.join(folder, name), "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", mtime=0, filename="") as z:
        z.write(text.encode())


def seed():
    random.seed(7)
    np.random.seed(7)
    torch.manual_seed(7)


def tokenizer(folder):
    """A WordPiece vocabulary of frequent pieces, as an uncased model has it."""
    counts = collections.Counter()
    normalizer = BertNormalizer(lowercase=True)
    for line in CORPUS:
        for word, _ in BertPreTokenizer().pre_tokenize_str(normalizer.normalize_str(line)):
            for i in range(len(word)):
                for j in range(i + 1, min(len(word), i + 6) + 1):
                    counts[("##" if i else "") + word[i:j]] += 1
    single = sorted(p for p in counts if len(p.removeprefix("##")) == 1)
    longer = sorted((p for p in counts if len(p.removeprefix("##")) > 1), key=lambda p: (-counts[p] * len(p), p))
    path = os.path.join(folder, "vocab.txt")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *single, *longer[:150]]) + "\n")
    return BertTokenizerFast(path, do_lower_case=True)


def characters(tokenizer):
    """How every character is normalized, alone and after another one, and how it is split:
    runs of the same treatment. @ stands for the character."""
    backend = tokenizer.backend_tokenizer
    runs = []
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        char = chr(c)
        value = [
            backend.normalizer.normalize_str("(" + char + ")").replace(char, "@"),
            backend.normalizer.normalize_str("\u00aa" + char + ")").replace(char, "@"),
            [piece.replace(char, "@") for piece, _ in backend.pre_tokenizer.pre_tokenize_str("ab" + char + "cd")],
        ]
        if runs and runs[-1][1] == c - 1 and runs[-1][2] == value:
            runs[-1][1] = c
        else:
            runs.append([c, c, value])
    return runs


def texts():
    rng = random.Random(11)
    alphabet = sorted(set("".join(CORPUS + ODD)))
    return CORPUS + ODD + ["".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 40))) for _ in range(200)]


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def export(model, path):
    """Exports as optimum does for sentence-transformers."""
    ids = torch.randint(5, 40, (2, 16))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    torch.onnx.export(
        Encoder(model).eval(),
        (),
        path,
        kwargs=inputs,
        input_names=list(inputs),
        output_names=["last_hidden_state"],
        opset_version=14,
        dynamo=False,
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in [*inputs, "last_hidden_state"]},
    )
    graph = onnx.load(path)
    for part in [graph, *graph.graph.node, *graph.graph.value_info, *graph.graph.initializer]:
        del part.metadata_props[:]
    onnx.save(graph, path)


def main():
    for folder in (TOKENIZER, MODEL):
        os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        fast = tokenizer(folder)
        fast.backend_tokenizer.save(os.path.join(TOKENIZER, "tokenizer.json"), pretty=False)
        lines = []
        for text in texts():
            tokens = fast.tokenize(text)
            lines.append([text, tokens, fast.convert_tokens_to_ids(tokens), fast.convert_tokens_to_string(tokens)])
        save(TOKENIZER, "tokens.json.gz", lines)
        save(TOKENIZER, "characters.json.gz", characters(fast))

        seed()
        config = BertConfig(
            vocab_size=len(fast),
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=48,
            initializer_range=0.4,
            max_position_embeddings=64,
        )
        model = BertModel(config, add_pooling_layer=False).eval()
        path = os.path.join(folder, "model")
        model.save_pretrained(path)
        fast.save_pretrained(path)
        transformer = Transformer(path, max_seq_length=48)
        whole = [t for t in texts() if 0 < len(fast.tokenize(t)) <= 46]
        for mode, name in (("mean", "vectors.json.gz"), ("cls", "first.json.gz")):
            pooling = Pooling(transformer.get_word_embedding_dimension(), mode)
            reference = SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")
            vectors = reference.encode(whole, batch_size=1, convert_to_numpy=True)
            save(MODEL, name, [[t, [float(f"{x:.8g}") for x in v]] for t, v in zip(whole, vectors.tolist())])
        export(transformer.auto_model.eval(), os.path.join(MODEL, "model.onnx"))
        fast.backend_tokenizer.save(os.path.join(MODEL, "tokenizer.json"), pretty=False)
        config.save_pretrained(MODEL)
        with open(os.path.join(MODEL, "sentence_bert_config.json"), "w", encoding="utf-8") as f:
            f.write('{"max_seq_length": 48, "do_lower_case": false}\n')


main()
