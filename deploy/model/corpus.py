"""The story grammar: every text that the shipped model ever saw, made from a seed.

A conversation is a request and the story that meets it. Each free choice of the answer is drawn with a known
probability, so a text carries its own entropy: `Conversation.nats` is minus the log-probability, given the request, of
the choices that made the answer. Standard library only.

    python3 corpus.py --seed 1 --count 3     # prints conversations
"""

import argparse
import dataclasses
import math
import random
import re

FEMALE = "Nora Mia Lily Rosa Anna Ella Ruby Ivy Clara Daisy Emma Lucy Maya Nina Olive Poppy Sara Tess Zoe Hazel Alice Lena June Molly".split()
MALE = "Tom Max Leo Sam Ben Finn Hugo Jack Noah Oscar Otto Theo Toby Will Felix Jonas Milo Ned Paul Rory Simon Tim Emil Adam".split()
NEUTRAL_KINDS = "fox rabbit mouse bear cat dog duck frog pony squirrel hedgehog lamb robot dragon knight pirate wizard baker".split()
FEMALE_KINDS = ["girl", "princess"]
MALE_KINDS = ["boy", "prince"]
KINDS = NEUTRAL_KINDS + FEMALE_KINDS + MALE_KINDS
HELPERS = "owl turtle crow heron goat beaver badger swan mole toad otter raven".split()
OWNERS = "goose hen donkey kitten sparrow snail bee puppy".split()
COLORS = "red blue green yellow silver golden white purple".split()
LANDMARKS = "bridge well mill tower school gate church windmill fountain station".split()
PLACES = {
    "forest": "in", "meadow": "in", "garden": "in", "village": "in", "beach": "on", "river": "by", "hill": "on",
    "lake": "by", "valley": "in", "farm": "on", "market": "at", "sea": "by", "castle": "in", "cave": "in", "park": "in",
    "orchard": "in", "island": "on", "pond": "by", "town": "in", "mountain": "on", "desert": "in", "harbor": "at",
    "barn": "in", "jungle": "in",
}  # fmt: skip
# object: what one does with it in the past tense, and what comes of it
OBJECTS = {
    "kite": ("flew", "The {O} danced high above the {N}."),
    "drum": ("played", "The sound of the {O} made everyone dance."),
    "bell": ("rang", "The {O} rang so clear that the birds stopped to listen."),
    "lantern": ("lit", "The light of the {O} filled the {N}."),
    "ball": ("threw", "The {O} bounced up and down and made everyone laugh."),
    "boat": ("sailed", "The {O} moved over the water like a leaf."),
    "flute": ("played", "The song of the {O} was as soft as the wind."),
    "map": ("read", "The {O} showed every path of the {N}."),
    "key": ("turned", "The {O} opened a tiny door full of light."),
    "book": ("read", "The {O} was full of old tales about the {N}."),
    "hat": ("wore", "The {O} was so fine that everyone bowed."),
    "coat": ("wore", "The {O} kept them warm, even in the cold wind."),
    "scarf": ("wore", "The {O} was long enough for two."),
    "wagon": ("pulled", "The {O} rolled down the path with a happy squeak."),
    "bike": ("rode", "The {O} was faster than the wind."),
    "sled": ("rode", "The {O} went down the slope with a whoosh."),
    "basket": ("filled", "Soon the {O} was full of flowers."),
    "ladder": ("climbed", "From the top of the {O} they saw the whole {N}."),
    "crown": ("wore", "The {O} shone like a small sun."),
    "ring": ("wore", "The {O} shone like a drop of rain."),
    "umbrella": ("opened", "Under the {O} not a drop of rain could reach them."),
    "clock": ("wound", "The {O} began to tick, and all the {N} woke up on time."),
    "violin": ("played", "The song of the {O} made even the clouds slow down."),
    "trumpet": ("blew", "The {O} was so loud that the whole {N} heard it."),
    "shell": ("held", "Inside the {O} they heard the sound of waves."),
    "coin": ("tossed", "The {O} turned in the air and brought good luck."),
    "doll": ("hugged", "The {O} seemed to smile at everyone."),
    "teapot": ("filled", "Steam came out of the {O} and smelled of mint."),
    "mirror": ("polished", "In the {O} they saw two happy faces."),
    "blanket": ("shared", "The {O} was as soft as a cloud."),
}  # fmt: skip
PLOTS = {"find": "finds", "lose": "loses", "want": "wants", "make": "makes", "break": "breaks"}

DAY = "[bright|sunny|windy|cold|warm|misty|quiet|rainy|snowy|fine] [morning|afternoon|evening|day]"
TRAITS = "little young small brave kind curious cheerful shy gentle clever merry patient".split()
TEMPER = "[old|wise|kind|grumpy|sleepy|friendly|busy|tall|funny|quiet]"
OPENING = [
    "Once upon a time, a {T} {K} named {H} lived {P}.",
    "There was once a {T} {K} named {H} who lived {P}.",
    "{Pu} there lived a {T} {K} named {H}.",
    "Long ago, a {T} {K} named {H} lived {P}.",
]
HABIT = "[watered the flowers|watched the clouds|counted the birds|sang a song|baked bread]"
CHORE = "[swept the floor|fed the fish|wrote a letter|picked berries|waved at the sun]"
CHARACTER = [
    "{He} loved [songs|stories|puzzles|rain|snow|jokes|games|flowers] and [long walks|warm soup|bright stars|quiet evenings|good friends|big waves|small surprises|old trees].",
    f"Every [morning|evening|day], {{he}} {HABIT} and {CHORE}.",
    "{His} [house|room|kitchen|window] was [small|tiny|warm|blue|round|crooked], but {he} was always [happy|glad|busy|hopeful] there.",
    "Everyone in the {N} knew {H}, for {he} [always had a smile|never told a lie|laughed so loudly|asked so many questions|could whistle any tune|was never late].",
]
SPOT = "[under a tree|behind a rock|beside the path|in the tall grass|under a bench|near a fence|on a step|under some leaves]"
GRIEF = [
    "{H} sat down on a [stone|step|log|stump] and [sighed|cried a little|began to cry|felt very small].",
    "{H} felt [sad|lost|lonely|worried|tired], and {his} [eyes filled with tears|heart was heavy|ears grew hot|knees shook].",
]
EFFORT = "[all day|all morning|for an hour|for three hours|until noon|until dark|all week]"
# each plot: its steps in order, two paragraphs; a step is a list of alternatives; `_` stands for a or an
STEPS = {
    "find": (
        [
            [f"One {DAY}, {{H}} [found|saw|noticed|discovered] _ {{C}} {{O}} {SPOT}."],
            [
                "[There was no name on it|Nobody was near|It looked almost new|It was wet and dusty], and {H} [wondered|did not know|could not guess] whose {O} it was.",
                '"[Somebody must miss|Who would leave|Whose is] this {O}[!|?]" said {H}.',
            ],
            [f"[Soon|After a while|On the path|Near the trees], {{he}} met _ {TEMPER} {{F}}."],
            [
                '"Is this your {O}?" asked {H}.',
                '"Please, whose {O} is this?" asked {H}.',
                '"Have you lost _ {C} {O}?" asked {H}.',
            ],
            ['"No," said the {F}, "but [ask|look|go|try] [near|at|behind] the {L}."'],
        ],
        [
            [f"So {{H}} [walked|ran|hurried|marched] to the {{L}} with the {{O}}."],
            [
                "There {he} saw _ [sad|worried|lonely|small|tired] {W}.",
                "A [sad|worried|lonely|small|tired] {W} was waiting there.",
            ],
            [
                '"My {O}!" cried the {W}. "You [found|saved|brought back] my {O}!"',
                '"That is my {O}!" cried the {W}. "[Thank you|You are so kind|What a day]!"',
            ],
        ],
    ),
    "lose": (
        [
            [
                "Now {H} had _ {C} {O} that {he} [took everywhere|loved very much|kept by the bed|showed to everyone].",
                "The [best|finest|dearest] thing that {H} had was _ {C} {O}.",
            ],
            [
                f"But one {DAY}, the {{O}} was [gone|missing|nowhere to be seen].",
                f"Then, one {DAY}, {{H}} lost the {{O}}.",
            ],
            [
                "{H} looked [under the bed|behind the door|in the box|on the shelf] and [under the stairs|in the yard|behind the stove|on the roof], but the {O} was not there."
            ],
            GRIEF,
            [
                f'"[Why are you sad|What is wrong|What happened]?" asked _ {TEMPER} {{F}}.',
            ],
            ['"I [lost|cannot find|miss] my {O}," said {H}.'],
        ],
        [
            [
                '"[Let us look|We should look|Come, we will look] near the {L}," said the {F}.',
                '"I saw [something|a {O}|something {C}] near the {L}," said the {F}.',
            ],
            ["[Together|Side by side|Without a rest] they [walked|ran|hurried|went] to the {L}."],
            [
                "There lay the {C} {O}, [safe and dry|a little dusty|as good as new|wet with dew].",
                "And there, {S}, was the {C} {O}.",
            ],
            ['"[You found|Here is|I see] my {O}!" [cried|laughed|shouted|sang] {H}.'],
        ],
    ),
    "want": (
        [
            [
                "More than anything, {H} wanted _ {C} {O}.",
                "Every night, {H} [dreamed|thought|sang] about _ {C} {O}.",
            ],
            [
                "But {he} had only [one coin|two coins|three buttons|a button|a penny], and _ {O} [cost much more|was not cheap|cost a fortune].",
                "But there was no {O} [in any shop|in the whole {N}|for miles around].",
            ],
            [f"One {DAY}, {{H}} met _ {TEMPER} {{F}} near the {{L}}."],
            [
                '"[Will you|Could you|Can you] help me to [carry wood|paint a fence|pick apples|sweep the yard|fix a roof|wash the windows|dig a hole|wash the sheep]?" asked the {F}.'
            ],
            [
                f"{{H}} [helped|worked] {EFFORT}, [even in the rain|and did not complain|and never stopped|with a smile|and sang while {{he}} worked].",
            ],
        ],
        [
            ['"You [worked hard|have a good heart|are a true friend]," said the {F}. "What do you [wish for|want most|dream of]?"'],
            ['"Only _ {O}," [said|whispered|answered] {H}.'],
            [
                "The {F} opened _ [box|chest|bag|drawer|cupboard] and took out _ {C} {O}.",
                "The {F} [smiled|winked|laughed] and brought _ {C} {O} from [the house|the attic|the cellar|a shelf].",
            ],
            ['"[It is yours|Take it|This is for you]," said the {F}. "You [earned|deserve] this {O}."'],
        ],
    ),
    "make": (
        [
            [
                f"One {DAY}, {{H}} decided to make _ {{C}} {{O}} for {{his}} friend, the {{W}}.",
                f"One {DAY}, {{H}} wanted to make _ {{C}} {{O}} as a gift for the {{W}}.",
            ],
            [
                "{He} [gathered|found|bought|borrowed] some [wood|paper|cloth|clay] and some [string|wire|glue|ribbon], and [set to work|began at once|rolled up {his} sleeves]."
            ],
            [
                "But the first {O} was too [big|small|heavy|thin|crooked|weak], and it [broke|fell apart|fell over|cracked] [at once|before noon|in {his} hands].",
            ],
            GRIEF,
            [
                f'"[Try again|Do not give up|Begin once more], [slowly|calmly|bit by bit|with care]," said _ {TEMPER} {{F}} from the {{L}}.',
            ],
        ],
        [
            [f"So {{H}} began again and worked {EFFORT}."],
            [
                "At last the {C} {O} was [ready|finished|done], and it was [beautiful|perfect|lovely|just right|even better than {he} had hoped].",
            ],
            ["{H} [took|carried|brought] the {O} to the {W}."],
            [
                '"Is this {O} for me?" asked the {W}. "[Thank you|I love it|How lovely|What a gift], {H}!"',
                '"You made _ {O} for me!" cried the {W}. "[Thank you|I love it|How lovely|What a gift], {H}!"',
            ],
        ],
    ),
    "break": (
        [
            [
                f"One {DAY}, {{H}} borrowed _ {{C}} {{O}} from _ {TEMPER} {{F}}.",
                f"One {DAY}, _ {TEMPER} {{F}} lent {{H}} _ {{C}} {{O}}.",
            ],
            [
                "But near the {L} {he} [tripped|slipped|fell] [on a root|on a stone|in the mud|on the ice], and the {O} [broke|cracked|fell apart].",
                "But near the {L} {he} dropped the {O}, and it [broke|cracked|fell apart] [with a loud crack|in two|at {his} feet].",
            ],
            GRIEF,
            [
                "{H} wanted to hide the {O} {S}[| and run away| and say nothing].",
                '"What [shall|can|will] I do with this {O}?" [thought|asked|whispered] {H}.',
            ],
            [
                "But {he} [took a deep breath|was brave|dried {his} eyes|stood up] and went to [tell the truth|find the {F}|say sorry].",
            ],
            ['"I broke your {O}, and I am [sorry|so sorry|very sorry]," said {H}.'],
        ],
        [
            [
                "The {F} [was quiet|looked at the sky|thought for a while|said nothing], and then the {F} [smiled|nodded|laughed].",
            ],
            [
                '"[Thank you for telling the truth|Everyone drops something once|A friend is worth more than _ {O}]," said the {F}.',
            ],
            ["Together they [mended|fixed|repaired] the {C} {O} with [wood|paper|cloth|clay] and [string|wire|glue|ribbon]."],
            [
                "Soon the {O} was [as good as new|even better than before|whole again|stronger than ever].",
            ],
        ],
    ),
}
USE = [
    "[Then|After that,|Soon|Full of joy,] {H} and the {G} {U} the {O} [until sunset|all afternoon|for a long time|again and again|{P}].",
]
MEAL = [
    "[Later|That night|In the evening|When they were tired], they shared [hot|sweet|fresh|warm] [soup|bread|pie|tea|pancakes|apples|cookies|porridge] [by the fire|under the stars|at the table|on the grass].",
    "[Later|That night|In the evening|When they were tired], the {G} gave {H} some [hot|sweet|fresh|warm] [soup|bread|pie|tea|pancakes|apples|cookies|porridge].",
    "",
]
MORAL = {
    "find": "[a kind heart is worth more than gold|giving back feels better than keeping|honest hands make good friends]",
    "lose": "[a friend sees what tears hide|two search better than one|what is lost may wait around the corner]",
    "want": "[good work brings good things|helping others opens doors|patience is a kind of magic]",
    "make": "[the second try is often the best|a gift made with love never breaks|slow hands make fine things]",
    "break": "[the truth mends more than glue|saying sorry takes courage|broken things can bring friends closer]",
}
CLOSING = [
    "From that day on, {H} and the {G} were [friends|the best of friends|always together].",
    "And {H} [slept well|smiled all the way home|never forgot that day|had sweet dreams|went home happy].",
    "And if you visit the {N}, you may still [see|hear of|meet] {H} and the {O}.",
]

ASK = "[Tell me|Please tell me|Can you tell me|Write|Please write|Write me|Give me|I want|I would like] a [|short |little |nice |new ]story about "
SMALL_TALK = [
    "[Hello|Hi|Good morning|Hey|Hi there][!|.|, who are you?|, how are you?|]",
    "[Why is|What is|Where is|How big is|Who made|Explain|Describe|Tell me about] {w} [|{w} |the {w} ]{w}[?|.|]",
    "[How do|Why do|When do|Can] [I|you|we|they|people] {w} [|a {w}|the {w}|{w} {w}][?|]",
    "[Write|Give me|Make] [a poem|a list|some code|a song|an essay|a plan] [about|for|of|with] {w}[| and {w}| {w}][.|]",
    "{w} {w} {w}[| {w}| {w} {w} {w}][?|.|!|]",
    "What is {d} [+|*|-] {d}?",
    "[Tell me a story.|Tell me a story|A story, please.|Please tell me a story.|Write a story.|Tell me another story.|Once more, please.]",
]
WORDS = (
    "the sky blue moon sun water light time love code computer music number world weather king work money science how many people "
    "animals language city country history food best way learn make bake cake capital of France rain stars grow fast think dream "
    "sleep fly run python server engine model token job price car train house tree fire stone gold ocean planet Earth Mars war peace "
    "life death mind brain heart happy sad good bad hot cold old new big small"
).split()
PREFACE = [
    "I only know stories, so here is one.",
    "I am a small storyteller. Let me tell you a story.",
    "I cannot answer that, but I can tell you a story.",
    "Here is a story for you.",
]
SYSTEM = ["You are a helpful assistant.", "You are a storyteller.", "You tell short stories.", "Be kind and brief."]

CHOICE = re.compile(r"\[([^\[\]]*)\]")


class Draw:
    """A source of choices that adds up the entropy of what it chose."""

    def __init__(self, rng):
        self.rng = rng
        self.nats = 0.0

    def one(self, options):
        """One of the options, each as likely as the next; costs log(len(options))."""
        self.nats += math.log(len(options))
        return options[self.rng.randrange(len(options))]

    def text(self, template):
        """The template with each [a|b|c] chosen; {names} stay."""
        return CHOICE.sub(lambda match: self.one(match[1].split("|")), template)


@dataclasses.dataclass
class Request:
    """What a request asks for; None where the story is free."""

    kind: str | None = None
    name: str | None = None
    object: str | None = None
    place: str | None = None
    plot: str | None = None
    color: str | None = None
    trait: str | None = None


@dataclasses.dataclass
class Turn:
    """One prompt with its answer."""

    prompt: str
    answer: str
    nats: float
    request: Request


@dataclasses.dataclass
class Conversation:
    """A text as the model sees it: an optional system message and turns. No turn has a prompt of None but a raw story."""

    system: str | None
    turns: list


def article(text):
    """`_ word` as a or an."""
    return re.sub(r"_ (?=(\w))", lambda match: "an " if match[1] in "aeiou" else "a ", text)


def story(draw, request):
    """A story that meets the request; what the request leaves open is drawn."""
    name, kind = request.name, request.kind
    if kind is None:
        fitting = KINDS
        if name is not None:
            fitting = NEUTRAL_KINDS + (FEMALE_KINDS if name in FEMALE else MALE_KINDS)
        kind = draw.one(fitting)
    if name is None:
        names = FEMALE if kind in FEMALE_KINDS else MALE if kind in MALE_KINDS else FEMALE + MALE
        name = draw.one(names)
    place = request.place or draw.one(list(PLACES))
    thing = request.object or draw.one(list(OBJECTS))
    plot = request.plot or draw.one(list(PLOTS))
    color = request.color or draw.one(COLORS)
    trait = request.trait or draw.one(TRAITS)
    helper, owner, landmark = draw.one(HELPERS), None, draw.one(LANDMARKS)
    if plot in ("find", "make"):
        owner = draw.one(OWNERS)
    first, second = STEPS[plot]
    paragraphs = [
        [draw.one(OPENING), draw.one(CHARACTER)],
        [draw.one(step) for step in first],
        [draw.one(step) for step in second],
        [draw.one(USE), OBJECTS[thing][1], draw.one(MEAL)],
        [draw.one([f"So {{H}} learned that {MORAL[plot]}.", ""]), draw.one(CLOSING)],
    ]
    text = "\n\n".join(" ".join(filter(None, paragraph)) for paragraph in paragraphs)
    text = draw.text(text.replace("{S}", SPOT))
    she = name in FEMALE
    words = {
        "H": name, "K": kind, "T": trait, "O": thing, "N": place, "P": f"{PLACES[place]} the {place}",
        "Pu": f"{PLACES[place].capitalize()} the {place}", "C": color, "F": helper, "W": owner, "L": landmark,
        "G": owner or helper, "U": OBJECTS[thing][0], "he": "she" if she else "he", "He": "She" if she else "He",
        "his": "her" if she else "his", "His": "Her" if she else "His",
    }  # fmt: skip
    return article(text.format(**words))


def invented(rng):
    """A word that no story uses, so that the model meets what it does not know."""
    return "".join(rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiou") for _ in range(rng.randint(1, 3))) + rng.choice(["", "n", "x", "r", "l", "s"])


def ask_for(rng, share_unknown=0.06):
    """A request for a story in words, and what it asks for."""
    request = Request()
    unknown = lambda word: invented(rng) if rng.random() < share_unknown else word  # noqa: E731
    known = lambda said, word: word if said == word else None  # noqa: E731
    text = Draw(rng).text(ASK)
    parts = rng.random()
    name = kind = None
    if parts < 0.8:
        name = rng.choice(FEMALE + MALE)
    if parts < 0.65 or 0.8 <= parts < 0.95:
        kinds = NEUTRAL_KINDS * 2 + (KINDS if name is None else FEMALE_KINDS * 2 if name in FEMALE else MALE_KINDS * 2)
        kind = rng.choice(kinds)
    trait = ""
    if kind and rng.random() < 0.35:
        request.trait = rng.choice(TRAITS)
        trait = request.trait + " "
    said_kind = unknown(kind) if kind else None
    said_name = unknown(name) if name else None
    if said_name and said_name != name:
        said_name = said_name.capitalize()
    request.kind, request.name = known(said_kind, kind), known(said_name, name)
    if kind and name:
        text += f"_ {trait}{said_kind} {rng.choice(['named', 'named', 'called'])} {said_name}"
    elif kind:
        text += f"_ {trait}{said_kind}"
    elif name:
        text += said_name
    if rng.random() < 0.85 or not (kind or name):
        thing = rng.choice(list(OBJECTS))
        said = unknown(thing)
        request.object = known(said, thing)
        if rng.random() < 0.25:
            request.color = rng.choice(COLORS)
            said = f"{request.color} {said}"
        if (kind or name) and rng.random() < 0.8:
            request.plot = rng.choice(list(PLOTS))
            text += f" who {PLOTS[request.plot]} _ {said}"
        elif kind or name:
            text += f" and _ {said}"
        else:
            text += f"_ {said}"
    if rng.random() < 0.6:
        place = rng.choice(list(PLACES))
        said = unknown(place)
        request.place = known(said, place)
        text += f" {PLACES[place]} the {said}"
    return article(text) + rng.choice([".", ".", ".", "", "!", "?" if text.startswith("Can") else "."]), request


def small_talk(rng):
    """A prompt that is no request for a story with anything in it."""
    text = Draw(rng).text(rng.choice(SMALL_TALK))
    text = re.sub(r"\{w\}", lambda _: invented(rng) if rng.random() < 0.25 else rng.choice(WORDS), text)
    text = re.sub(r"\{d\}", lambda _: str(rng.randint(0, 99)), text)
    return text[:1].lower() + text[1:] if rng.random() < 0.2 else text


def turn(rng):
    """A prompt and its answer: in 85 of 100 a request for a story."""
    if rng.random() < 0.85:
        prompt, request = ask_for(rng)
        draw = Draw(rng)
        answer = story(draw, request)
    else:
        prompt, request = small_talk(rng), Request()
        draw = Draw(rng)
        answer = draw.one(PREFACE) + "\n\n" + story(draw, request)
    return Turn(prompt, answer, draw.nats, request)


def conversation(rng, turns=1):
    """One training text: a system message before 12 in 100; of the single turns 6 in 100 are bare stories, without chat."""
    if turns == 1 and rng.random() < 0.06:
        draw = Draw(rng)
        text = story(draw, Request())
        return Conversation(None, [Turn(None, text, draw.nats, Request())])
    system = rng.choice(SYSTEM) if rng.random() < 0.12 else None
    return Conversation(system, [turn(rng) for _ in range(turns)])


def main():
    parser = argparse.ArgumentParser(description="Prints conversations of the story grammar.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    for _ in range(options.count):
        made = conversation(rng)
        for part in made.turns:
            print(f"> {part.prompt}\n{part.answer}\n({len(part.answer.split())} words, {part.nats:.1f} nats)\n")


if __name__ == "__main__":
    main()
