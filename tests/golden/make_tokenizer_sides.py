#!/usr/bin/env python3
"""Writes tokenizer_sides.jsonl: folders of a tokenizer, and the ids that AutoTokenizer of transformers gives with them.

    python3 tests/golden/make_tokenizer_sides.py > tests/golden/tokenizer_sides.jsonl

Needs `pip install transformers tokenizers` (written with transformers 5.23.0 and tokenizers 0.23.3). Lines, in this order:
{"texts": [...]}
{"base": name, "tokenizer": tokenizer.json, "ids": one list a text, of tokenizer.json alone}
{"name", "base", "files": {file beside tokenizer.json: what is in it}, "class": of transformers, "differs": the numbers of the texts that
 get other ids than those of tokenizer.json alone}
"""
import json
import os
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
from tokenizers import Tokenizer  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from make_tokenizer_components import added, byte_level, compact, sentence_piece, split, template  # noqa: E402

TEXTS = ["Once upon a time", "  two  spaces ", "mill<extra>mill", "a <s> b </s>", "<s>Once", "x<|end|>y <|start|>z", "n\u00e4 na\u0308 1234 don't DON'T",
         " <mask> <pad>\n\n\tx", "\u2581under 今天 😀"]
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def bases():
    llama = sentence_piece(split=False)
    llama.update(normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                                                 {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
                 pre_tokenizer=None, post_processor=template("<s>", 1))
    rebuilt = json.loads(compact(llama))  # what LlamaTokenizer builds
    rebuilt.update(normalizer=None, pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False})
    gemma = json.loads(compact(llama))
    gemma.update(normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
                 pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False})
    for token in ("<bos>", "<eos>", "<pad>", "<mask>"):
        added(gemma, token)
    gpt2 = byte_level()
    added(gpt2, "<|end|>")
    gpt2.update(pre_tokenizer={"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True})
    qwen2 = json.loads(compact(gpt2))
    added(qwen2, "<|start|>")
    qwen2.update(normalizer={"type": "NFC"}, pre_tokenizer={"type": "Sequence", "pretokenizers": [
        split(QWEN2), {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]})
    return {"llama": llama, "rebuilt": rebuilt, "gemma": gemma, "gpt2": gpt2, "qwen2": qwen2}


def folders(documents):
    """(name, base, model type, tokenizer_config.json, other files)"""
    token = dict(content="<s>", lstrip=False, normalized=False, rstrip=False, single_word=False, special=True)
    backend = {"tokenizer_class": "PreTrainedTokenizerFast"}
    end = {"unk_token": "<|end|>", "bos_token": "<|end|>", "eos_token": "<|end|>", "pad_token": "<|end|>"}
    listed = {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in documents["llama"]["added_tokens"]}
    next_id = str(len(documents["llama"]["model"]["vocab"]))

    yield "alone", "llama", "llama", None, {}
    for name, config in [("decoder", dict(added_tokens_decoder=listed)), ("decoder strips", dict(added_tokens_decoder={**listed, "1": {**token, "rstrip": True, "lstrip": True}})),
                         ("decoder normalizes", dict(added_tokens_decoder={**listed, "1": {**token, "normalized": True}})),
                         ("decoder adds", dict(added_tokens_decoder={**listed, next_id: {**token, "content": "<extra>"}})), ("bos", dict(bos_token="<s>")),
                         ("bos strips", dict(bos_token={**token, "rstrip": True, "__type": "AddedToken"})), ("bos added", dict(bos_token="<extra>")),
                         ("other token", dict(image_token="<extra>")), ("other token, known", dict(image_token="<s>")), ("additional", dict(additional_special_tokens=["<extra>"])),
                         ("extra list", dict(extra_special_tokens=["<extra>"])), ("extra object", dict(extra_special_tokens={"x_token": "<extra>"})),
                         ("add bos", dict(add_bos_token=True, bos_token="<s>")), ("do not add bos", dict(add_bos_token=False, bos_token="<s>")),
                         ("add eos", dict(add_eos_token=True, eos_token="</s>")), ("split special", dict(split_special_tokens=True)), ("prefix space", dict(add_prefix_space=True)),
                         ("legacy", dict(legacy=True, model_max_length=2, padding_side="left", truncation_side="left", clean_up_tokenization_spaces=True))]:
        yield name, "llama", "llama", {**backend, **config}, {}
    for name, files in [("added_tokens", {"added_tokens.json": {"<extra>": int(next_id)}}), ("added_tokens, known", {"added_tokens.json": {"<s>": 1}}),
                        ("added_tokens, other id", {"added_tokens.json": {"<s>": 17}}), ("map", {"special_tokens_map.json": {"bos_token": {k: v for k, v in token.items() if k != "special"}}}),
                        ("map adds", {"special_tokens_map.json": {"bos_token": "<extra>"}}), ("map, additional", {"special_tokens_map.json": {"additional_special_tokens": ["<extra>"]}}),
                        ("map, other token", {"special_tokens_map.json": {"image_token": "<extra>"}})]:
        yield name, "llama", "llama", backend, files
    yield "map beside a decoder", "llama", "llama", {**backend, "added_tokens_decoder": listed}, {"special_tokens_map.json": {"bos_token": "<extra>"}}

    for base in documents:
        for kind in ("LlamaTokenizer", "LlamaTokenizerFast", "GemmaTokenizer", "GPT2Tokenizer", "Qwen2Tokenizer", "CohereTokenizer", "GPTNeoXTokenizer",
                     "PreTrainedTokenizerFast", "TokenizersBackend", "NoSuchTokenizer"):
            yield "class " + kind, base, "llama", {"tokenizer_class": kind, **(end if base in ("gpt2", "qwen2") and kind != "GemmaTokenizer" else {})}, {}
        for model in ("mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3", "cohere2", "starcoder2", "olmo2", "smollm3", "gpt_oss", "glm4", "granite"):
            yield "type " + model, base, model, end if base in ("gpt2", "qwen2") and not model.startswith("gemma") else None, {}
            yield "type %s, class of GPT-2" % model, base, model, {"tokenizer_class": "GPT2TokenizerFast", **end} if base in ("gpt2", "qwen2") else {"tokenizer_class": "GPT2Tokenizer"}, {}
    for kind in ("LlamaTokenizer", "CodeLlamaTokenizer"):
        for name, config in [("legacy", dict(legacy=True)), ("not legacy", dict(legacy=False)), ("prefix space", dict(add_prefix_space=True)), ("no bos", dict(bos_token=None)),
                             ("empty decoder", dict(added_tokens_decoder={})), ("decoder", dict(added_tokens_decoder=listed))]:
            yield "%s, %s" % (kind, name), "rebuilt", "llama", {"tokenizer_class": kind, **config}, {}
    for kind, base in [("GPT2Tokenizer", "gpt2"), ("Qwen2Tokenizer", "qwen2")]:
        for name, config in [("prefix space", dict(add_prefix_space=True)), ("no prefix space", dict(add_prefix_space=False)), ("add bos", dict(add_bos_token=True)),
                             ("default tokens", dict(bos_token=None, pad_token=None, unk_token="<|endoftext|>"))]:
            yield "%s, %s" % (kind, name), base, "llama", {"tokenizer_class": kind, **end, **config}, {}


def ids_of_folder(tokenizer, model_type, files):
    with tempfile.TemporaryDirectory() as folder:
        for name, document in {"tokenizer.json": tokenizer, "config.json": {"model_type": model_type}, **files}.items():
            with open(os.path.join(folder, name), "w") as file:
                json.dump(document, file)
        auto = AutoTokenizer.from_pretrained(folder)
        return type(auto).__name__, [auto(text)["input_ids"] for text in TEXTS]


def main():
    print(compact({"texts": TEXTS}))
    documents = bases()
    alone = {}
    for name, document in documents.items():
        alone[name] = [Tokenizer.from_str(json.dumps(document)).encode(text).ids for text in TEXTS]
        print(compact({"base": name, "tokenizer": document, "ids": alone[name]}))
    for name, base, model_type, config, others in folders(documents):
        files = dict(others, **({} if config is None else {"tokenizer_config.json": config}))
        try:
            kind, ids = ids_of_folder(documents[base], model_type, files)
        except Exception:  # transformers refuses a class that the vocabulary is not made for
            continue
        files["config.json"] = {"model_type": model_type}
        print(compact({"name": name, "base": base, "files": files, "class": kind, "differs": [i for i in range(len(TEXTS)) if ids[i] != alone[base][i]]}))


if __name__ == "__main__":
    main()
