"""The texts on which the table is fitted: WordNet's definitions and examples, and questions and
tasks that are made of its words. Nothing of any data set on which the table is measured."""

import itertools
import pathlib
import random
import re

PARTS = ("noun", "verb", "adj", "adv")

# {n} is a noun, {N} a name, {v} a verb, {a} an adjective, {y} a year, {d} a small number.
ASKED = """
What is {n}?|What is a {a} {n}?|What are {n}s?|What does {n} mean?|What is the meaning of {n}?|Define {n}.
What is the difference between {n} and {n}?|{n} vs {n}: which is better?|Compare {n} with {n}.
Which is better, {n} or {n}?|Is {n} better than {n}?|Is {n} the same as {n}?|How is {n} related to {n}?
How do I {v} a {n}?|How do I {v} {n}?|How can I {v} my {n}?|How should I {v} a {a} {n}?|How to {v} {n} without {n}?
How do you {v} in {N}?|How does {n} work?|How does a {n} {v}?|How much does a {n} cost in {N}?|How long does {n} last?
What is the best way to {v} {n}?|What is the best {n} in {N}?|What is the best {n} for {n}?|What are the best {n}s of {y}?
What are some good {n}s to {v}?|What are some examples of {a} {n}?|What are the advantages of {n}?
What are the disadvantages of {a} {n}?|What are the side effects of {n}?|What causes {n}?|What happens if you {v} {n}?
Why is {n} {a}?|Why is {n} so {a}?|Why do people {v} {n}?|Why do {n}s {v}?|Why did {N} {v} {n}?|Why does my {n} {v}?
Who is {N}?|Who invented the {n}?|Who is the most {a} {n} of {N}?|Who was {N} and why was he {a}?|What did {N} do?
Where is {N}?|Where can I {v} {n} in {N}?|Where can I find {a} {n}s?|Where did {n} come from?|How far is {N} from {N}?
When was {N} born?|When did {N} {v}?|When should I {v} a {n}?|When will {n} be {a}?|What happened in {N} in {y}?
What is the capital of {N}?|What is the population of {N}?|What is the {n} of {N}?|What is it like to {v} in {N}?
Is {n} {a}?|Is it {a} to {v} {n}?|Is it possible to {v} a {n}?|Is {N} a {n}?|Is there a {n} for {n}?|Are {n}s {a}?
Can {n} {v} {n}?|Can I {v} {n} with {n}?|Can a {n} be {a}?|Can you {v} a {n} after {n}?|Does {n} {v}?|Do {n}s {v}?
Should I {v} or {v}?|Should I {v} {n} before {n}?|Would you {v} a {n}?|Has {N} ever been {a}?|Will {N} {v} in {y}?
How many {n}s are there in {N}?|How many {n}s does a {n} have?|How old is {N}?|What is {d} percent of a {n}?
How can I become a {a} {n}?|How can I stop being {a}?|How can I get rid of {n}?|How can I improve my {n}?
How can I learn {n}?|How do I prepare for {n}?|How do I get {n} in {d} days?|I want to {v} {n}, where do I start?
I have a {a} {n}. What should I do?|My {n} is {a}, how can I {v} it?|I feel {a} when I {v}. Why?
Which {n} should I {v} in {N}?|Which {n}s are {a}?|What {n} do you use to {v}?|What should I {v} for {n}?
Explain {n} in simple words.|Explain how {n}s {v}.|Explain {n} to a child.|Tell me about {N}.|Tell me about {n}.
Give me {d} examples of {n}.|Give an example of a {a} {n}.|List {d} {n}s that are {a}.|Suggest a {n} for my {n}.
Write a {a} {n} about {n}.|Write an email about {n} to my {n}.|Write a function that returns the {n} of a {n}.
Write a story about a {a} {n} who wants to {v}.|Summarize the history of {n} in {N}.|Summarize {n}.
Translate "{n}" into the language of {N}.|What is a synonym of {a}?|What is the opposite of {a}?|What rhymes with {n}?
What is the plural of {n}?|Who wrote about {n}?|What is the history of {N}?|What is the formula for {n}?
Do you think {n} is {a}?|What do you think about {n}?|What are your views on {n} in {N}?|What is your {a} {n}?
How do I know if my {n} is {a}?|What are the symptoms of {n}?|What are the types of {n}?|What are the uses of {n}?
""".replace("\n", "|")


def entries(folder):
    """The words of each part of speech, and all definitions and examples."""
    words, glosses, examples = {p: {} for p in PARTS}, [], []
    for part in PARTS:
        for line in (pathlib.Path(folder) / f"index.{part}").read_text(encoding="latin-1").splitlines():
            if line.startswith("  "):
                continue
            f = line.split()
            # Then come the kinds of pointers, twice the number of senses, and how many of the
            # senses were met in the texts that WordNet's authors marked.
            words[part][f[0].replace("_", " ")] = int(f[5 + int(f[3])])
        for line in (pathlib.Path(folder) / f"data.{part}").read_text(encoding="latin-1").splitlines():
            head, bar, gloss = line.partition(" | ")
            if line.startswith("  ") or not bar:
                continue
            f = head.split()
            lemmas = [f[4 + 2 * i].replace("_", " ") for i in range(int(f[3], 16))]
            meaning = gloss.split('; "')[0].strip()
            glosses.append((part, lemmas, meaning))
            examples += [e.strip() for e in re.findall(r'"([^"]{12,300})"', gloss)]
    return words, glosses, examples


def texts(folder, questions, definitions, seed=6):
    """The texts, in an order that hangs on seed alone."""
    rng = random.Random(seed)
    words, glosses, examples = entries(folder)
    names = sorted({w for p, lemmas, _ in glosses if p == "noun" for w in lemmas if w[:1].isupper() and len(w) < 30})

    pools = {}
    for kind, part in (("n", "noun"), ("v", "verb"), ("a", "adj")):
        known = sorted(w for w in words[part] if len(w) < 24 and re.fullmatch(r"[a-z][a-z '-]*", w))
        # The more of its senses were met, the commoner a word is.
        pools[kind] = (known, list(itertools.accumulate(0.15 + 3 * words[part][w] for w in known)))
    forms = [f.strip() for f in ASKED.split("|") if f.strip()]

    def pick(match):
        kind = match.group(1)
        if kind == "N":
            return rng.choice(names)
        if kind == "y":
            return str(rng.randint(1900, 2030))
        if kind == "d":
            return str(rng.randint(2, 100))
        known, sums = pools[kind]
        return rng.choices(known, cum_weights=sums)[0]

    out = list(examples)
    for part, lemmas, meaning in rng.sample(glosses, min(definitions, len(glosses))):
        form = rng.randrange(3)
        out.append(meaning if form == 0 else f"{lemmas[0]}: {meaning}" if form == 1 else f"{', '.join(lemmas)}")
    out += [re.sub(r"\{(\w)\}", pick, rng.choice(forms)) for _ in range(questions)]
    rng.shuffle(out)
    return out
