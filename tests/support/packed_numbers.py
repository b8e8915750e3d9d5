"""Lists of numbers as the journal packs them, read as docs/results.md describes the form."""
import string
import struct

DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


class Bits:
    def __init__(self, text):
        self.bits, self.at = "".join(f"{DIGITS.index(character):06b}" for character in text), 0

    def take(self, n):
        self.at += n
        return int("0" + self.bits[self.at - n:self.at], 2)

    def code(self, order):
        width = self.bits.index("1", self.at) - self.at
        self.at += width + 1
        high = (1 << width - 1) + self.take(width - 1) if width else 0
        return (high << order) + self.take(order)

    def step(self, order):
        code = self.code(order)
        return -(code + 1) // 2 if code % 2 else code // 2


def whole_numbers(text):
    bits = Bits(text)
    packing, order = bits.take(2), bits.take(6)
    numbers = []
    for i in range(bits.code(6)):
        last = numbers[-1] if numbers else 0
        numbers.append(bits.code(order) + 1 if packing == 2
                       else last + bits.code(order) + 1 if packing == 1 and i
                       else last + bits.step(order))
    return numbers


def doubles(text):
    bits = Bits(text)
    numbers, top = [], 0
    for _ in range(bits.code(6)):
        top += bits.step(0)
        numbers.append(struct.unpack(">d", (top << 52 | bits.take(52)).to_bytes(8, "big"))[0])
    return numbers


def unpacked(values):
    """The values of a unit with every list number by number, as version 3 of the journal writes them."""
    def of(text, read):
        return read(text) if isinstance(text, str) else text

    def of_sketch(sketch):
        buckets = sketch["buckets"]
        if isinstance(buckets, str):
            buckets = whole_numbers(buckets)
            buckets = [b - a for a, b in zip([0, *buckets], buckets)]
        return {**sketch, "buckets": buckets, "counts": of(sketch["counts"], whole_numbers)}

    bins = values["nll_by_position"]
    return {**values,
            **{name: of(values[name], whole_numbers) for name in ("kept_per_head", "kept_by_position")},
            "nll_by_position": {**bins, "total_nll": of(bins["total_nll"], doubles), "n_scored": of(bins["n_scored"], whole_numbers)},
            **{name: of_sketch(values[name]) for name in ("kl_sketch", "delta_p_sketch") if name in values}}
