"""Checks of the corpus and the tokenizer: `python3 -m unittest test_corpus` here, standard library only, 10 s."""

import math
import random
import re
import unittest

import corpus
import tokenizer


class Corpus(unittest.TestCase):
    def test_a_seed_makes_the_same_texts(self):
        first, second = ([corpus.conversation(random.Random(f"{seed}")) for seed in range(50)] for _ in range(2))
        self.assertEqual(first, second)
        self.assertNotEqual(first[0], first[1])

    def test_a_story_keeps_what_was_asked(self):
        rng = random.Random(1)
        for _ in range(500):
            prompt, request = corpus.ask_for(rng, share_unknown=0)
            text = corpus.story(corpus.Draw(rng), request)
            for wanted in (request.kind, request.name, request.object, request.place, request.color):
                if wanted:
                    self.assertIn(wanted, prompt)
                    self.assertIn(wanted, text)
            self.assertIsNone(re.search(r"[\[\]{}|_]|  |\ba [aeiou]|\ban (?!hour)[^aeiou]", text), text)

    def test_entropy_counts_the_choices(self):
        draw = corpus.Draw(random.Random(1))
        draw.text("[a|b] [c|d|e]")
        self.assertAlmostEqual(draw.nats, math.log(6))

    def test_what_a_request_states_costs_nothing(self):
        request = corpus.Request("fox", "Nora", "kite", "forest", "find", "red", "kind")
        spent = []
        for asked in (corpus.Request(), request):
            draw = corpus.Draw(random.Random(1))
            corpus.story(draw, asked)
            spent.append(draw.nats)
        self.assertGreater(spent[0], spent[1] + 10)


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.words = tokenizer.for_corpus(corpus, random)

    def test_texts_come_back(self):
        rng = random.Random(2)
        texts = [turn.answer for _ in range(100) for turn in corpus.conversation(rng).turns]
        for text in texts + ["", " a  b\n", "Caf\u00e9 \u2603 <|im_end|> \u0000"]:
            self.assertEqual(self.words.decode(self.words.encode(text)), text)

    def test_text_never_becomes_a_special_token(self):
        self.assertTrue(all(token not in (0, 1, 2, 259, 260) for token in self.words.encode("<|im_start|></s><|im_end|>")))

    def test_what_a_request_names_is_one_token(self):
        for word in [*corpus.FEMALE, *corpus.MALE, *corpus.KINDS, *corpus.OBJECTS, *corpus.PLACES]:
            self.assertEqual(len(self.words.encode(" " + word)), 1, word)


if __name__ == "__main__":
    unittest.main()
