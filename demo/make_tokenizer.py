#!/usr/bin/env python3
"""Trains the demo's byte-level BPE tokenizer: make_tokenizer.py CORPUS.jsonl FOLDER [VOCAB_SIZE]

Needs Hugging Face's `tokenizers`. The same corpus gives the same file.
"""
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers


def main() -> None:
    corpus, folder = Path(sys.argv[1]), Path(sys.argv[2])
    vocab_size = int(sys.argv[3]) if len(sys.argv) > 3 else 2048
    texts = [json.loads(line)["text"] for line in corpus.read_text(encoding="utf-8").splitlines()]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=["<s>", "</s>"], show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
        "clean_up_tokenization_spaces": False, "model_max_length": 8192}, indent=1) + "\n")
    words = {word for text in texts[:2000] for word in text.replace(",", " ").split(" ")}
    split = sorted(w for w in words if len(tokenizer.encode(" " + w, add_special_tokens=False)) > 1 and not w.endswith((".", "?", ":")))
    print(f"{tokenizer.get_vocab_size()} tokens; words of several tokens: {split}")


if __name__ == "__main__":
    main()
