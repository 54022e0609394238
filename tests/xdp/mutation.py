"""Random and mutated frames through the program, and what must hold whatever comes in."""

import random
from collections import Counter
from collections.abc import Sequence

from derivation import kinds_of
from frames import ABORTED, DIRECTOR_MAC, PASS, TX, Director

OUTER = 52
"""Bytes that a tunnel puts before a packet at most."""
LONG = 1_000_000
_BYTES = (0, 1, 0x45, 0x7F, 0xFF)


def mutated(frame: bytes, numbers: random.Random) -> bytes:
    """The frame with a few bytes changed, and perhaps cut, made longer, or of a length untold."""
    changed = bytearray(frame)
    for _ in range(numbers.choice((0, 0, 1, 1, 2, 4))):
        place = numbers.randrange(12, len(changed))
        changed[place] = numbers.choice((*_BYTES, numbers.randrange(256)))
    match numbers.randrange(6):
        case 0:
            del changed[numbers.randrange(14, len(changed)) :]
        case 1:
            changed += numbers.randbytes(numbers.randrange(1, 1600))
        case 2:
            changed[16:18] = numbers.randrange(1600).to_bytes(2)
    return bytes(changed)


def noise(frame: bytes, numbers: random.Random) -> bytes:
    """Random bytes after a beginning that is right, so that they get somewhere."""
    kept = numbers.randrange(12, len(frame) + 1)
    return frame[:kept] + numbers.randbytes(numbers.randrange(max(14 - kept, 0), 200))


def play(director: Director, kinds: Sequence[bytes], frames: int, seed: int) -> Counter[str]:
    """Sends so many, each of which must hold what every frame must.

    The program never aborts; what it leaves to the kernel is as it came; what it sends is made of
    what came, comes from the director, and is longer by a tunnel's headers at most. Returns how
    many ended how.
    """
    numbers = random.Random(seed)
    ends: Counter[str] = Counter()
    for number in range(frames):
        make = noise if numbers.randrange(8) == 0 else mutated
        sent = make(numbers.choice(kinds), numbers)
        verdict, out = director.send(sent)
        about = f"frame {number} of seed {seed}: {sent.hex()} -> {verdict} {out.hex()}"
        assert verdict not in (ABORTED, 4), about
        if verdict == PASS:
            assert out == sent, about
            ends["passed"] += 1
        elif verdict == TX:
            made = kinds_of(sent, out)
            assert made, about
            assert len(out) <= len(sent) + OUTER, about
            assert out[6:12] == DIRECTOR_MAC, about
            ends.update(made)
        else:
            ends["dropped"] += 1
    return ends
