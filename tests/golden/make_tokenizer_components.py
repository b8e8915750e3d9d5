#!/usr/bin/env python3
"""Writes tokenizer_components.jsonl: small tokenizers and the ids that Hugging Face tokenizers gives with them.

    python3 tests/golden/make_tokenizer_components.py > tests/golden/tokenizer_components.jsonl

Needs `pip install tokenizers` (written with 0.23.3). Lines, in this order where one refers to another:
{"texts": [...]}
{"base": number, "vocab", "merges"}                                            trained here, on CORPUS
{"name", "base": number of the line with the model's vocab and merges, "tokenizer": the rest of the tokenizer.json,
 "ids": one list a text, without special tokens, "ids_special": with them; absent where they are the same}
"""
import json
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

CORPUS = """Once upon a time there was a small mill by the river, and the miller's daughter counted 1234 sacks of flour.
"Don't you see," she said, "we've 42 sacks left; they'll last until 2026-03-01?" He couldn't, he wouldn't: I'm sure it's so.
The rain fell for 100 days. def count(x): return [x**2 for x in range(10)]  # squares, 0.5 + 1.25 == 1.75
Die Müllerin zählte Säcke, größer als zuvor; le garçon naïf a mangé des crêpes à Noël. Привет, мир! Как дела сегодня?
今天天气很好,我们去公园散步吧。日本語のテキストもあります。カタカナ。 안녕하세요 세계. مرحبا بالعالم। नमस्ते दुनिया 😀👩‍👩‍👧 ½ ² Ⅷ
\tindented\n\n\n    four spaces\r\nwindows line\u00a0nbsp   three   spaces
""" * 3

TEXTS = [
    "", " ", "  ", "   a", "a   ", "\n", " \n ", "\r\n\r\n", "\t\tx", "a b", " a  b   c    d",
    "Once upon a time, there was a mill.", "The miller's daughter DIDN'T see 'S 'ſ it'S we'Ve", "I'm you'll they've he'd 'tis",
    "1", "12", "123", "1234", "1234567890", "x1y22z333", "3.14159 2026-03-01 1,000,000", "²³¹ ½ Ⅷ ٣٤٥ ०१२ 𝟘𝟙",
    "größer zählte naïf", "e\u0301 = é; A\u030a = Å; ﬁ ﬃ ① Ⅷ ｶﾞ", "\u1100\u1161\u11a8 각", "Привет, мир!", "今天天气很好,我们去公园。", "カタカナとひらがな漢字",
    "안녕하세요 세계", "مرحبا بالعالم", "नमस्ते दुनिया", "😀👩‍👩‍👧🏽🇩🇪", "a\u00a0b\u2003c\u3000d\u180ee\u200bf", "\x00\x01\x7f\x80\x85", "\u2028\u2029",
    "def f(x):\n    return x**2  # ok\n", "<s>a</s>", "a <mask> b", "a<mask>b", "  <mask>  ", "<mask><mask>", "x <mask>\n<mask> y",
    "word WORD words sword word's _word word_ word1 éword ⓐword word", "NORM norm Norm aNORMb", "<|bos|>hello<|eot|>", "▁a▁▁b ▁", "_a__b",
    "the-final--countdown-", "--", "-a-", "aaa bbb", "unknown: \U0001f9ff\U00020000 ß", "a ß b", "ßß ß", "éß ßé", "\U000323ad\U000116d0 9",
    "https://example.org/?q=1&r=2#x", "a" * 70, "ab" * 40, "!?!?...--", "«quoted» “curly” ’s ’S", "Ǆ ǅ ǆ İI ıi Σς", "camelCaseHTTPServer snake_case", "\ufeffbom",
]


def byte_level(vocab_size=380):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True), trainer)
    return json.loads(tokenizer.to_str())


def sentence_piece(vocab_size=330, split=True):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=split)
    special = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=vocab_size + 259, special_tokens=special, limit_alphabet=60, show_progress=False)
    tokenizer.train_from_iterator([w for w in CORPUS.splitlines()], trainer)
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = spec["added_tokens"][:3]
    return spec


def added(spec, content, **flags):
    vocab = spec["model"]["vocab"]
    known = {t["content"]: t["id"] for t in spec["added_tokens"]}
    free = max([len(vocab)] + [t["id"] + 1 for t in spec["added_tokens"] if t["id"] >= len(vocab)])
    token = dict(id=vocab.get(content, known.get(content, free)), content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    token.update(flags)
    spec["added_tokens"] = sorted(spec["added_tokens"] + [token], key=lambda t: t["id"])
    return token["id"]


def template(token, token_id, after=None):
    single = [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    special = {token: {"id": token, "ids": [token_id], "tokens": [token]}}
    if after:
        single.append({"SpecialToken": {"id": after[0], "type_id": 0}})
        special[after[0]] = {"id": after[0], "ids": [after[1]], "tokens": [after[0]]}
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": special}


def split(regex, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def specs():
    base = byte_level()
    pieces = sentence_piece()
    whole = sentence_piece(split=False)
    pieces_list = {"bytes": base, "pieces": pieces, "whole": whole}

    def variant(kind, **changes):
        spec = json.loads(json.dumps(pieces_list[kind]))
        model = changes.pop("model", {})
        spec.update(normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None)
        spec.update(changes)
        spec["model"].update(model)
        return spec

    def with_bytes(*steps, **changes):
        return variant("bytes", pre_tokenizer=sequence(*steps, BYTES), **changes)

    def metaspace(scheme, split_it, **more):
        return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split_it, **more}

    gpt2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    yield "gpt2", variant("bytes", pre_tokenizer=gpt2, post_processor={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False})
    spec = variant("bytes", pre_tokenizer=gpt2)
    del spec["model"]["type"], spec["model"]["ignore_merges"], spec["model"]["byte_fallback"]
    spec["model"]["merges"] = ["#version: 0.2"] + [" ".join(pair) for pair in spec["model"]["merges"]]
    yield "gpt2-2019", spec
    yield "roberta-prefix-space", variant("bytes", pre_tokenizer={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True})

    spec = with_bytes(split(LLAMA3), model={"ignore_merges": True})
    bos = added(spec, "<|bos|>")
    added(spec, "<|eot|>")
    spec["model"]["vocab"]["Ġcountdown"] = max(spec["model"]["vocab"].values()) + 1  # reached by ignore_merges alone
    for token in spec["added_tokens"]:
        token["id"] += 1
    spec["post_processor"] = {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
                                                                 template("<|bos|>", bos + 1)]}
    yield "llama3", spec
    for name, regex in [("cl100k", CL100K), ("o200k", O200K)]:
        yield name, with_bytes(split(regex), normalizer={"type": "NFC"})
    yield "phi4-olmo2", with_bytes(split(CL100K, "Removed", True))
    spec = with_bytes(split(LLAMA3), post_processor=None)
    mask, sop = added(spec, "[gMASK]"), added(spec, "<sop>")
    glm = template("[gMASK]", mask)
    glm["single"].insert(1, {"SpecialToken": {"id": "<sop>", "type_id": 0}})
    glm["special_tokens"]["<sop>"] = {"id": "<sop>", "ids": [sop], "tokens": ["<sop>"]}
    spec["post_processor"] = {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, glm]}
    yield "glm4", spec
    spec = variant("bytes", normalizer={"type": "NFC"}, pre_tokenizer=sequence({"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}))
    spec["post_processor"] = template("<BOS_TOKEN>", added(spec, "<BOS_TOKEN>"))
    yield "cohere", spec
    yield "qwen2-nfc", with_bytes(split(LLAMA3.replace("{1,3}", "")), normalizer={"type": "NFC"})
    spec = variant("bytes", pre_tokenizer=sequence(split("[\r\n]"), split(r"\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+"), split(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"), split(r"\s+$"),
                   split("[一-龥ࠀ-一가-퟿]+"), {"type": "Digits", "individual_digits": True}, BYTES))
    spec["post_processor"] = template("<|bos|>", added(spec, "<|bos|>"))
    yield "deepseek-coder", spec
    yield "deepseek-v3", with_bytes(split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(DEEPSEEK))
    yield "starcoder", variant("bytes", pre_tokenizer=sequence({"type": "Digits", "individual_digits": True}, gpt2))
    yield "digits-contiguous", variant("bytes", pre_tokenizer=sequence({"type": "Digits", "individual_digits": False}, gpt2))
    yield "falcon", variant("bytes", pre_tokenizer=sequence(dict(gpt2, use_regex=True), {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]")))

    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            yield "split-%s-%s" % (behavior, invert), with_bytes(split("-|[aeiou ]+", behavior, invert))
            yield "split-string-%s-%s" % (behavior, invert), with_bytes({"type": "Split", "pattern": {"String": "a"}, "behavior": behavior, "invert": invert})
    for i, regex in enumerate([r"x*", r"\w+|[^\w\s]+", r"\W", r"\b", r"^.", r".$", r"[\S\d]{2,3}", r"\h{,2}", r"(?m:a.b)|\v|\u4e00", r"[[:space:]]|[^[:digit:]]", r"(?<=a)b|(?<!\s)\p{Lu}",
                               r"\p{Han}+|\p{Katakana}|\p{Hiragana}", r"(?>a|ab)c?|\P{L}", r"[\P{L}\n]+", r"\p{^L}+?", r"(?i)THE|x?[K-L]", r"\A\s+|\s+\z|\d{2}", r"\p{Letter}+|\x{20}\x41?", r"[\p{P}\p{S}]+|\D"]):
        try:
            spec = with_bytes(split(regex))
            Tokenizer.from_str(json.dumps(spec))
        except Exception as problem:
            print("left out", regex, problem, file=sys.stderr)
            continue
        yield "regex-%d" % i, spec

    for scheme in ["always", "first", "never"]:
        for split_it in [True, False]:
            spec = variant("pieces" if split_it else "whole", pre_tokenizer=metaspace(scheme, split_it))
            spec["post_processor"] = template("<s>", spec["model"]["vocab"]["<s>"], ("</s>", spec["model"]["vocab"]["</s>"]))
            added(spec, "<mask>", lstrip=True)
            added(spec, "word", single_word=True, special=False)
            added(spec, "NORM", normalized=True, special=False)
            yield "mistral-%s-%s" % (scheme, split_it), spec
    yield "metaspace-old", variant("pieces", pre_tokenizer={"type": "Metaspace", "replacement": "▁", "add_prefix_space": True})
    yield "metaspace-first-in-sequence", variant("pieces", pre_tokenizer=sequence(split("-| ", "MergedWithNext"), metaspace("first", True)))
    prepend = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    spec = variant("whole", normalizer=prepend)
    for content, flags in [("<mask>", dict(lstrip=True, rstrip=True)), ("word", dict(single_word=True)), ("NORM", dict(normalized=True)), ("the", dict(rstrip=True, normalized=True)),
                           ("▁a", dict(normalized=True)), ("  ", {}), ("    ", {})]:
        added(spec, content, special=False, **flags)
    yield "phi3-added", spec
    for fuse in [True, False]:
        for fallback in [True, False]:
            spec = variant("whole", normalizer=prepend, model={"fuse_unk": fuse, "byte_fallback": fallback})
            yield "unknown-fuse-%s-bytes-%s" % (fuse, fallback), spec
    spec = variant("whole", normalizer=prepend, model={"fuse_unk": True})
    for byte in (0xC3, 0x9F):  # ß cannot be spelt any more, other characters can
        spec["model"]["vocab"]["<byte %d>" % byte] = spec["model"]["vocab"].pop("<0x%02X>" % byte)
    yield "unknown-some-bytes", spec
    yield "no-unk-token", variant("whole", normalizer=prepend, model={"unk_token": None, "byte_fallback": False})
    yield "gemma", variant("pieces", normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
                           pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False})

    spec = variant("pieces", normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
                   pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False})
    for content in ("\n", "\n\n", "▁▁", "<b>"):
        added(spec, content, special=False)
    spec["post_processor"] = template("<bos>", added(spec, "<bos>"))
    yield "gemma3", spec

    for name, steps in [("nfd", [{"type": "NFD"}]), ("nfkc", [{"type": "NFKC"}]), ("nfkd-lower", [{"type": "NFKD"}, {"type": "Lowercase"}]), ("strip", [{"type": "Strip", "strip_left": True, "strip_right": True}]),
                        ("strip-left", [{"type": "Strip", "strip_left": True, "strip_right": False}]),
                        ("replace", [{"type": "Replace", "pattern": {"Regex": r"\A +| +\z"}, "content": ""}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}, {"type": "Prepend", "prepend": " "}]),
                        ("replace-empty", [{"type": "Replace", "pattern": {"Regex": "x+(?!y)|^ "}, "content": "-"}, {"type": "Replace", "pattern": {"String": "aa"}, "content": "$1"}])]:
        spec = variant("bytes", normalizer={"type": "Sequence", "normalizers": steps}, pre_tokenizer=gpt2)
        added(spec, "NORM", normalized=True, special=False)
        yield "normalizer-" + name, spec
        spec = variant("pieces", normalizer={"type": "Sequence", "normalizers": steps}, pre_tokenizer=metaspace("first", True))
        added(spec, "NORM", normalized=True, special=False)
        yield "normalizer-first-" + name, spec


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main():
    print(compact({"texts": TEXTS}))
    bases = {}
    for name, spec in specs():
        tokenizer = Tokenizer.from_str(json.dumps(spec))
        row = {"name": name, "tokenizer": spec, "ids": [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]}
        with_special = [tokenizer.encode(text).ids for text in TEXTS]
        if with_special != row["ids"]:
            row["ids_special"] = with_special
        big = {key: spec["model"].pop(key) for key in ("vocab", "merges")}
        base = compact(big)
        if base not in bases:
            bases[base] = len(bases)
            print(compact({"base": bases[base], **big}))
        row["base"] = bases[base]
        print(compact(row))


if __name__ == "__main__":
    main()
