"""Records what the reference implementation of LLMLingua-2 does, on small random models.

Called by scripts/llmlingua-fixtures with the folder to write into, which is laid out as the
repository. Everything is seeded, and the texts are this file's own, so that a second recording differs from the first only where
the reference does.
"""

import collections
import gzip
import importlib.util
import json
import os
import random
import sys
import tempfile

# The reference counts words by cl100k_base, which tiktoken would download; litellm ships it.
LITELLM = importlib.util.find_spec("litellm").submodule_search_locations[0]
os.environ["TIKTOKEN_CACHE_DIR"] = os.path.join(LITELLM, "litellm_core_utils", "tokenizers")
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import onnx
import sentencepiece
import torch
from llmlingua import PromptCompressor
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import (
    BertConfig,
    BertForTokenClassification,
    BertTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForTokenClassification,
    XLMRobertaTokenizer,
    XLMRobertaTokenizerFast,
)

ROOT = sys.argv[1]
OUT = os.path.join(ROOT, "services", "compressor", "llmlingua", "testdata")
TOKENIZERS = os.path.join(ROOT, "platform", "hftokenizer", "testdata")
EXPORTS = os.path.join(ROOT, "platform", "onnx", "testdata", "exports")

CORPUS = """
The gateway stands between the services of a company and the models that answer them.
It counts every call, and it tells who may spend how much on which day of the month.
A budget of 250 dollars was set on 14 March 2026; by the 31st, 99.5 % of it was gone.
Who approved the change? Nobody knew! The minutes say only this: "postponed until June".
Please send the report to the office in Rotterdam before 17:30, or call +31 10 555 0142.
If a request fails twice, the router takes the next provider, unless the caller said not to.
The meeting began at nine. Item one was the harbour; item two, the bridge; item three, money.
Mr. Alvarez doesn't think so, and he won't say why: we've asked, they're silent, it's odd.
{"id": 42, "name": "compressor", "rate": 0.33, "tags": ["a", "b"], "url": "https://example.com/x?y=1&z=2"}
for (int i = 0; i < n; i++) { total += price[i] * count[i]; } // sum
Der Schlüssel liegt unter der Fußmatte, sagte die Bäckerin, und ging über die Brücke.
Où est la bibliothèque ? L'été dernier, elle était près du café, à côté de l'école.
¿Cuánto cuesta el billete a Málaga? Mañana por la mañana sale otro tren, señor.
Шлюз стоит между службами компании и моделями, которые им отвечают. Это стоит денег.
Η πύλη μετρά κάθε κλήση και λέει ποιος μπορεί να ξοδέψει πόσα.
网关位于公司的服务与模型之间。它统计每一次调用,并限制每天的花费。
ゲートウェイは会社のサービスとモデルの間に立ちます。毎日の費用を数えます。
게이트웨이는 회사의 서비스와 모델 사이에 있습니다. 모든 호출을 셉니다.
البوابة تقف بين خدمات الشركة والنماذج التي تجيب عليها.
गेटवे कंपनी की सेवाओं और मॉडलों के बीच खड़ा है। यह हर कॉल गिनता है।
השער עומד בין השירותים לבין המודלים.
เกตเวย์อยู่ระหว่างบริการของบริษัทกับโมเดล
Cổng nằm giữa các dịch vụ của công ty và các mô hình trả lời chúng.
""".strip().split("\n")

# Text that a tokenizer may get wrong.
ODD = [
    "",
    " ",
    "\n\n \t",
    "  two  spaces  ",
    "a\tb\nc\r\nd\u00a0e\u2003f\u3000g\u200bh\u200ci\u200dj\ufeffk",
    "ﬁne ﬂow ½ ① Ⅷ ㎏ ﷺ ﷽ ｆｕｌｌ ｗｉｄｔｈ ㌀",
    "e\u0301 o\u0308 n\u0303 é ö ñ \u1e9b\u0323 q\u0307\u0323",
    "\u1112\u1161\u11ab\u1100\u1173\u11af 한글 각\u11a8",
    "क्षि नि षि ก็ น้ำ அன்பு ক্ষ",
    "👍🏽 👨‍👩‍👧‍👦 🇳🇱🇩🇪 ❤️ 😀 \U0001fae8",
    "naïve café — “quoted” ‘single’ … – † ‡ • ‰ € £ ¥ ₿ №",
    "don't won't it's we've they're I'm do not , . ! ? ' n't",
    "#hashtag ##double ###three @user C# F## a#b",
    "▁under ▁▁two a▁b ▁",
    "[CLS] [SEP] [UNK] [PAD] [MASK] <s> </s> <unk> <pad> <mask> x",
    "a<mask>b  <mask>  c [MASK]d",
    "[NEW0] [NEW1]x y[NEW99] [NEW100]",
    "\x00\x01\x07\x1b\x7f\x80\x9f\xad\u061c\u2060\u2066\ufffd\ufffe\U000e0001x",
    "漢字かな交じり文ABC123混在,テスト。",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
    "https://example.com/a/b?c=d&e=%20#f user@example.org 127.0.0.1 ::1 C:\\dir\\x",
    "0 1 23 456 7,890 1.5e-3 ٣٤٥ ४५ 六 ² ₃ Ⅳ",
    "$ + < = > ^ ` | ~ ¬ × ÷ ∑ ← \u2028 \u2029 x\u0085y",
    "İstanbul ŞIŞLI ǅ ẞ ſ Ω K Å",
    "𝒜𝓑𝔠 𝟘𝟙 𐍈 𠀀 𪜀 豈 ⿰",
    "\u0300 leading mark, a\u0300\u0301\u0302\u0303 many marks, \u0e33 \u0ec1\u0eb3",
]


def save(name, value, folder=OUT):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True) + "\n"
    with open(os.path.join(folder, name), "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", mtime=0, filename="") as z:
        z.write(text.encode())


def seed():
    random.seed(7)
    np.random.seed(7)
    torch.manual_seed(7)


def xlmr_tokenizer(folder):
    corpus = os.path.join(folder, "corpus.txt")
    with open(corpus, "w", encoding="utf-8") as f:
        f.write("\n".join(CORPUS) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=corpus,
        model_prefix=os.path.join(folder, "spm"),
        vocab_size=420,
        model_type="unigram",
        character_coverage=0.99,
        normalization_rule_name="nmt_nfkc",
        num_threads=1,
        minloglevel=2,
    )
    slow = XLMRobertaTokenizer(os.path.join(folder, "spm.model"))
    fast = XLMRobertaTokenizerFast(tokenizer_object=None, vocab_file=os.path.join(folder, "spm.model"))
    assert len(slow) == len(fast)
    return fast


def bert_tokenizer(folder):
    """A WordPiece vocabulary of frequent pieces. The library's own trainer breaks ties by
    chance; this gives the same each time."""
    counts = collections.Counter()
    for line in CORPUS:
        for word, _ in BertPreTokenizer().pre_tokenize_str(BertNormalizer(lowercase=False).normalize_str(line)):
            for i in range(len(word)):
                for j in range(i + 1, min(len(word), i + 6) + 1):
                    counts[("##" if i else "") + word[i:j]] += 1
    single = sorted(p for p, n in counts.items() if len(p.removeprefix("##")) == 1 and n > 1)
    longer = sorted((p for p in counts if len(p.removeprefix("##")) > 1), key=lambda p: (-counts[p] * len(p), p))
    path = os.path.join(folder, "vocab.txt")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *single, *longer[:150]]) + "\n")
    return BertTokenizerFast(path, do_lower_case=False)


SHAPE = dict(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48, num_labels=2, initializer_range=0.4
)


def tiny(family, folder):
    """Makes a model with seeded weights and its tokenizer, and gives the folder of both."""
    seed()
    name = {"xlmr": "tiny-xlm-roberta-large", "bert": "tiny-bert-base-multilingual-cased"}[family]
    path = os.path.join(folder, name)
    os.makedirs(path)
    if family == "xlmr":
        tokenizer = xlmr_tokenizer(folder)
        config = XLMRobertaConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=514,
            type_vocab_size=1,
            bos_token_id=0,
            pad_token_id=1,
            eos_token_id=2,
            **SHAPE,
        )
        model = XLMRobertaForTokenClassification(config)
    else:
        tokenizer = bert_tokenizer(folder)
        model = BertForTokenClassification(BertConfig(vocab_size=len(tokenizer), **SHAPE))
    tokenizer.save_pretrained(path)
    model.save_pretrained(path)
    return path


class Classifier(torch.nn.Module):
    """The model with what it is asked by as its arguments, and the logits as its answer."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        more = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        return self.model(input_ids=input_ids, attention_mask=attention_mask, **more).logits


def export(model, path, opset, dynamo, types=False, longest=512):
    """Exports as a user would: see the documentation."""
    ids = torch.randint(5, 40, (2, 16))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if types:
        inputs["token_type_ids"] = torch.zeros_like(ids)
    if dynamo:
        batch, sequence = torch.export.Dim("batch"), torch.export.Dim("sequence", max=longest)
        axes = {"dynamic_shapes": {name: {0: batch, 1: sequence} for name in inputs}}
    else:
        axes = {"dynamic_axes": {name: {0: "batch", 1: "sequence"} for name in [*inputs, "logits"]}}
    torch.onnx.export(
        Classifier(model).eval(),
        (),
        path,
        kwargs=inputs,
        input_names=list(inputs),
        output_names=["logits"],
        opset_version=opset,
        dynamo=dynamo,
        external_data=False,
        **axes,
    )
    # The newer exporter notes beside each operation where it comes from: most of a small file.
    graph = onnx.load(path)
    for part in [graph, *graph.graph.node, *graph.graph.value_info, *graph.graph.initializer]:
        del part.metadata_props[:]
    onnx.save(graph, path)


LONG = " ".join(CORPUS[i % 8] for i in range(60))
NO_ENDS = " ".join(line.replace(".", "") for line in CORPUS[:8] * 6)
LINES = "\n".join(CORPUS)
TALK = "\n".join(["Anna: Who approved it?", "Ben: Nobody knew!", "Anna: And 250 dollars? And 31?", "", "", "Ben: Gone..."])
DOCS = [CORPUS[0] + " " + CORPUS[1], CORPUS[2], TALK, CORPUS[10], CORPUS[13] + "\n" + CORPUS[15], LONG]
FORCED = ["\n", "?", "!", "."]
SPOKEN = ["Anna", "250 dollars", "=>", "the", "##s"]


def cases():
    """Calls of compress_prompt_llmlingua2: a name, the contexts, and the options."""
    texts = {"talk": TALK, "lines": LINES, "long": LONG, "no_ends": NO_ENDS, "code": CORPUS[8] + "\n" + CORPUS[9]}
    for name, text in texts.items():
        for rate in (0.1, 0.33, 0.5, 0.75, 0.9, 1.0):
            if name in ("long", "no_ends") and rate in (0.1, 0.75, 0.9):
                continue
            yield f"{name} at {rate}", [text], {"rate": rate}
        options = {"rate": 0.5, "force_tokens": FORCED}
        yield f"{name} forced", [text], options
        yield f"{name} forced, chunk ends", [text], {**options, "chunk_end_tokens": [".", "\n", ","]}
        if name in ("talk", "lines", "code"):
            yield f"{name} forced words", [text], {"rate": 0.33, "force_tokens": SPOKEN}
            yield f"{name} digits", [text], {"rate": 0.3, "force_reserve_digit": True}
            yield f"{name} drop", [text], {**options, "drop_consecutive": True}
            yield f"{name} all", [text], {
                "rate": 0.25,
                "force_tokens": FORCED + SPOKEN,
                "force_reserve_digit": True,
                "drop_consecutive": True,
            }
            yield f"{name} first", [text], {"rate": 0.4, "token_to_word": "first", "force_tokens": ["\n"]}
            yield f"{name} target", [text], {"target_token": 20}
            yield f"{name} kept whole, forced", [text], {"rate": 1.0, "force_tokens": FORCED + SPOKEN}
    for i, text in enumerate(ODD):
        yield f"odd {i}", [text], {"rate": 0.5}
        yield f"odd {i} whole", [text], {"rate": 1.0}
        yield f"odd {i} forced", [text], {"rate": 0.4, "force_tokens": FORCED, "drop_consecutive": True}
    every = {"use_context_level_filter": True}
    yield "documents", DOCS, {"rate": 0.5}
    yield "documents whole", DOCS, {"rate": 1.0}
    yield "documents filtered", DOCS, {**every, "rate": 0.5}
    yield "documents filtered, forced", DOCS, {**every, "rate": 0.4, "force_tokens": FORCED, "force_context_ids": [3]}
    yield "documents filtered to 2", DOCS, {**every, "rate": 0.6, "target_context": 2}
    yield "documents filtered at 0.7", DOCS, {**every, "rate": 0.6, "context_level_rate": 0.7}
    yield "documents filtered to 300 tokens", DOCS, {**every, "rate": 0.6, "context_level_target_token": 300}
    yield "documents filtered, target", DOCS, {**every, "target_token": 120}
    yield "documents filtered, contexts only", DOCS, {**every, "rate": 0.5, "use_token_level_filter": False}
    yield "documents filtered, digits, first", DOCS, {
        **every,
        "rate": 0.5,
        "force_reserve_digit": True,
        "token_to_word": "first",
        "drop_consecutive": True,
        "force_tokens": ["."],
    }
    yield "documents, tokens kept", DOCS, {"rate": 0.5, "use_token_level_filter": False}
    yield "one document filtered", [TALK], {**every, "rate": 0.5}


def record(family, folder):
    path = tiny(family, folder)
    compressor = PromptCompressor(path, device_map="cpu", use_llmlingua2=True)
    model, tokenizer = compressor.model.eval(), compressor.tokenizer
    out = os.path.join(OUT, family)
    os.makedirs(out, exist_ok=True)
    export(model, os.path.join(out, "model.onnx"), 17, False, types=family == "bert")
    tokenizer.backend_tokenizer.save(os.path.join(out, "tokenizer.json"), pretty=False)
    model.config.save_pretrained(out)

    chunks = {}
    forward = model.forward

    def watched(input_ids=None, attention_mask=None, **more):
        answer = forward(input_ids=input_ids, attention_mask=attention_mask, **more)
        probabilities = torch.softmax(answer.logits, dim=-1)[:, :, 1]
        for ids, mask, row in zip(input_ids, attention_mask, probabilities):
            last = int(mask.nonzero().max()) + 1  # the rest is padding
            # The shortest decimal of a float32 is enough to get it back.
            chunks[",".join(map(str, ids[:last].tolist()))] = {
                "mask": "".join(str(int(m)) for m in mask[:last]),
                "probabilities": [float(np.format_float_positional(p, unique=True)) for p in row[:last].numpy()],
            }
        return answer

    model.forward = watched
    recorded = []
    for name, contexts, options in cases():
        case = {"name": name, "contexts": contexts, "options": options}
        try:
            got = compressor.compress_prompt_llmlingua2(
                list(contexts), return_word_label=True, word_sep="\x1e", label_sep="\x1f", **options
            )
        except Exception as e:
            case["error"] = type(e).__name__
        else:
            case["texts"] = got["compressed_prompt_list"]
            case["tokens"] = [got["origin_tokens"], got["compressed_tokens"]]
        recorded.append(case)
    save(f"{family}/cases.json.gz", {"cases": recorded, "chunks": chunks})

    texts = CORPUS + ODD + [TALK, LINES]
    rng = random.Random(11)
    alphabet = sorted(set("".join(CORPUS + ODD)))
    texts += ["".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 40))) for _ in range(200)]
    lines = []
    for text in texts:
        tokens = tokenizer.tokenize(text)
        lines.append([text, tokens, tokenizer.convert_tokens_to_ids(tokens), tokenizer.convert_tokens_to_string(tokens)])
    beside = os.path.join(TOKENIZERS, family)
    os.makedirs(beside, exist_ok=True)
    tokenizer.backend_tokenizer.save(os.path.join(beside, "tokenizer.json"), pretty=False)
    save("tokens.json.gz", lines, beside)

    save("characters.json.gz", characters(tokenizer), beside)


def characters(tokenizer):
    """How every character is normalized, alone and after one that the map of XLM-RoBERTa
    changes, and how it is split: runs of the same treatment. @ stands for the character."""
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


def percentiles():
    """np.percentile as the reference calls it, on lists of numpy's and Python's floats."""
    rng = np.random.RandomState(5)
    out = []
    for i in range(200):
        n = int(rng.randint(1, 60))
        values = [np.float32(v) for v in rng.rand(n)]
        kinds = ["s"] * n
        if i % 3 == 0:
            for j in range(n):
                if rng.rand() < 0.3:
                    values[j], kinds[j] = float(rng.randint(2)), "d"
        if i % 5 == 0:
            values = [values[0]] * n
            kinds = [kinds[0]] * n
        q = int(rng.randint(0, 101))
        out.append([[float(v) for v in values], "".join(kinds), q, float(np.percentile(values, q))])
    return out


VARIANTS = [
    # family, attention, operator set, the newer exporter
    ("bert", "eager", 11, False),
    ("bert", "sdpa", 14, False),
    ("bert", "sdpa", 20, True),
    ("xlmr", "eager", 11, False),
    ("xlmr", "sdpa", 14, False),
    ("xlmr", "sdpa", 18, True),
    ("xlmr", "eager", 20, True),
]


def variants():
    """The same small models as several exporters write them, and what PyTorch answers."""
    os.makedirs(EXPORTS, exist_ok=True)
    shape = dict(
        vocab_size=40,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=12,
        num_labels=2,
        initializer_range=0.5,
        max_position_embeddings=70,
    )
    answers = []
    for family, attention, opset, dynamo in VARIANTS:
        seed()
        if family == "bert":
            model = BertForTokenClassification(BertConfig(attn_implementation=attention, **shape))
        else:
            model = XLMRobertaForTokenClassification(
                XLMRobertaConfig(attn_implementation=attention, type_vocab_size=1, pad_token_id=1, **shape)
            )
        name = f"{family}-{attention}-{opset}{'-dynamo' if dynamo else ''}.onnx"
        export(model.eval(), os.path.join(EXPORTS, name), opset, dynamo, longest=64)
        rng = np.random.RandomState(3)
        for batch, length, holes in ((1, 1, False), (1, 9, False), (2, 33, True), (3, 64, True)):
            ids = torch.tensor(rng.randint(5, 40, (batch, length)))
            mask = torch.ones_like(ids)
            if holes:
                mask[:, length // 2 :: 3] = 0
                ids[:, length // 2 :: 3] = 1
            with torch.no_grad():
                logits = model(input_ids=ids, attention_mask=mask).logits
            answers.append(
                {
                    "file": name,
                    "shape": [batch, length],
                    "ids": ids.flatten().tolist(),
                    "mask": mask.flatten().tolist(),
                    "logits": [float(f"{v:.8g}") for v in logits.flatten().tolist()],
                }
            )
    save("answers.json.gz", answers, EXPORTS)
    # A model of more than 2 GB has its weights in a file of their own.
    graph = onnx.load(os.path.join(EXPORTS, "bert-sdpa-14.onnx"))
    weights = os.path.join(EXPORTS, "bert-outside-14.bin")
    if os.path.exists(weights):
        os.remove(weights)
    onnx.save_model(
        graph,
        os.path.join(EXPORTS, "bert-outside-14.onnx"),
        save_as_external_data=True,
        location="bert-outside-14.bin",
        size_threshold=0,
    )


def main():
    os.makedirs(OUT, exist_ok=True)
    for family in ("xlmr", "bert"):
        with tempfile.TemporaryDirectory() as folder:
            record(family, folder)
    save("percentiles.json.gz", percentiles())
    variants()


main()
