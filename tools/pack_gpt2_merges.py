"""Pack GPT-2's published `vocab.bpe` into slmtui/data/gpt2_merges.bin.xz.

    python tools/pack_gpt2_merges.py path/to/vocab.bpe

A merge is a pair of earlier token ids, each below 50,257, so 50,000 merges are 100,000 uint16 numbers. The
low bytes are written first and the high bytes after them, which lzma packs far better than pairs.
`encoder.json` is not needed: the ids are the 256 bytes in GPT-2's order, then the merges in the order of the
file. tests/data/test_gpt2.py writes
`vocab.bpe` back and compares its hash with the published one.
"""

import hashlib
import lzma
import sys
from pathlib import Path

import numpy as np

from slmtui.data.gpt2 import GPT2_BYTES, MERGES_FILE, PRINTABLE, VOCAB_BPE_SHA256


def pack(vocab_bpe: bytes) -> bytes:
    if hashlib.sha256(vocab_bpe).hexdigest() != VOCAB_BPE_SHA256:
        sys.exit("this is not GPT-2's vocab.bpe: its SHA-256 should be " + VOCAB_BPE_SHA256)
    ids = {PRINTABLE[byte]: i for i, byte in enumerate(GPT2_BYTES)}
    pairs = []
    for line in vocab_bpe.decode("utf-8").splitlines()[1:]:
        left, right = line.split(" ")
        pairs.append((ids[left], ids[right]))
        ids[left + right] = len(ids)
    flat = np.array(pairs, dtype="<u2").reshape(-1)
    halves = (flat & 0xFF).astype(np.uint8).tobytes() + (flat >> 8).astype(np.uint8).tobytes()
    return lzma.compress(halves, preset=9 | lzma.PRESET_EXTREME)


if __name__ == "__main__":
    packed = pack(Path(sys.argv[1]).read_bytes())
    target = Path(__file__).parent.parent / "slmtui" / "data" / MERGES_FILE
    target.write_bytes(packed)
    sys.stderr.write(f"{target}: {len(packed):,} bytes\n")
