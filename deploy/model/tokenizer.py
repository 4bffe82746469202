"""A small SentencePiece-style vocabulary ("llama" in GGUF) and its encoder, standard library only.

Pieces are learnt by byte-pair merging within words, a space being U+2581 at the start of its word. A piece's score is
minus its rank, and the encoder merges the neighbours whose joined text is the piece of the highest score, leftmost
first, as llama.cpp does; what no piece covers becomes bytes. No space is put before the text (`add_space_prefix` false).
"""

import collections
import re

UNKNOWN, BOS, EOS, FIRST_BYTE, START, END = 0, 1, 2, 3, 259, 260
SPECIAL = {"<unk>": UNKNOWN, "<s>": BOS, "</s>": EOS, "<|im_start|>": START, "<|im_end|>": END}
SPACE = "\u2581"
WORD = re.compile(f"{SPACE}*[A-Za-z]+|{SPACE}*[^A-Za-z{SPACE}]|{SPACE}+")
LETTERS = SPACE + "".join(chr(code) for code in range(33, 127))


def reserved():
    """The texts of ids 0 to 260: special tokens and the 256 bytes."""
    return ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + ["<|im_start|>", "<|im_end|>"]


def learn(texts, least_count, extra=()):
    """The pieces, best first, so that every word seen `least_count` times is one piece; `extra` words count as frequent."""
    counts = collections.Counter()
    for text in texts:
        counts.update(WORD.findall(text.replace(" ", SPACE)))
    words = {word: count for word, count in counts.items() if count >= least_count and len(word) > 1}
    words.update({word: max(words.get(word, 0), least_count) for word in extra})
    split = {word: list(word) for word in words}
    pieces, known = [], set()
    while True:
        pairs = collections.Counter()
        for word, parts in split.items():
            for left, right in zip(parts, parts[1:]):
                pairs[left + right] += words[word]
        if not pairs:
            break
        best = max(pairs, key=lambda piece: (pairs[piece], piece))
        if best not in known:
            pieces.append(best)
            known.add(best)
        for word, parts in split.items():
            place = 0
            while place + 1 < len(parts):
                if parts[place] + parts[place + 1] == best:
                    parts[place : place + 2] = [best]
                place += 1
    return pieces + list(LETTERS)


class Tokenizer:
    """Encodes and decodes with pieces as `learn` returns them; ids follow the 261 reserved ones."""

    def __init__(self, pieces):
        self.pieces = list(pieces)
        self.texts = reserved() + self.pieces
        self.rank = {piece: rank for rank, piece in enumerate(self.pieces)}
        self.cache = {}

    def __len__(self):
        return len(self.texts)

    def scores(self):
        """One score a token, as the GGUF states them: 0 for the reserved ones, minus the rank for pieces."""
        return [0.0] * len(reserved()) + [-float(rank + 1) for rank in range(len(self.pieces))]

    def _word(self, word):
        parts = list(word)
        while len(parts) > 1:
            ranks = [self.rank.get(left + right, 1 << 30) for left, right in zip(parts, parts[1:])]
            best = min(ranks)
            if best == 1 << 30:
                break
            place = ranks.index(best)
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        ids = []
        for part in parts:
            rank = self.rank.get(part)
            if rank is None:
                ids.extend(FIRST_BYTE + byte for byte in part.replace(SPACE, " ").encode())
            else:
                ids.append(len(self.texts) - len(self.pieces) + rank)
        return ids

    def encode(self, text):
        """The ids of plain text; special tokens are never read from it."""
        ids = []
        for word in WORD.findall(text.replace(" ", SPACE)):
            known = self.cache.get(word)
            if known is None:
                known = self._word(word)
                if len(self.cache) < 100_000:
                    self.cache[word] = known
            ids.extend(known)
        return ids

    def decode(self, ids):
        """The text of ids; special tokens vanish, broken UTF-8 shows as U+FFFD."""
        data = b""
        for token in ids:
            if token >= len(self.texts) - len(self.pieces):
                data += self.texts[token].replace(SPACE, " ").encode()
            elif FIRST_BYTE <= token < START:
                data += bytes([token - FIRST_BYTE])
        return data.decode(errors="replace")

    def chat(self, conversation):
        """The ids of a corpus.Conversation in ChatML, and for each whether the model learns to say it."""
        ids, said = [BOS], [False]

        def add(more, counts=False):
            ids.extend(more)
            said.extend([counts] * len(more))

        if conversation.system is not None:
            add([START, *self.encode("system\n" + conversation.system), END, *self.encode("\n")])
        for turn in conversation.turns:
            if turn.prompt is None:
                add([*self.encode(turn.answer), END], True)
                continue
            add(self.prompt(turn.prompt))
            add([*self.encode(turn.answer), END], True)
            add(self.encode("\n"))
        if ids[-1] != END:
            ids.pop(), said.pop()
        return ids, said

    def prompt(self, text):
        """The ids of one user message and the start of its answer, without BOS."""
        return [START, *self.encode("user\n" + text), END, *self.encode("\n"), START, *self.encode("assistant\n")]


def for_corpus(corpus, random):
    """The vocabulary of the story grammar: what 6,000 conversations and the word lists need."""
    rng = random.Random("vocabulary")
    texts = []
    for _ in range(6000):
        prompt, request = corpus.ask_for(rng, share_unknown=0)
        texts += [prompt, corpus.story(corpus.Draw(rng), request)]
    texts += corpus.PREFACE * 100 + ["user\n", "assistant\n", "system\n"] * 100 + corpus.SYSTEM * 20
    extra = [SPACE + word for word in [*corpus.FEMALE, *corpus.MALE, *corpus.KINDS, *corpus.OBJECTS, *corpus.PLACES]]
    return Tokenizer(learn(texts, 12, extra))
