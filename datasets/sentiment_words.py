"""The words that the sentiment sample is written with.

Only gradable adjectives are ever negated ("not dull at all"); strong ones ("not superb") would leave the verdict open.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """What is reviewed.

    Attributes:
        nouns: what it is called.
        singular: its parts that take "was".
        plural: its parts that take "were".
        asides: sentences without a verdict, with places for `WHO`, `WHEN` and `NUMBER`.
        early: what begins a first impression.
    """

    nouns: tuple[str, ...]
    singular: tuple[str, ...]
    plural: tuple[str, ...]
    asides: tuple[str, ...]
    early: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split("/"))


GRADABLE = {
    True: _words(
        "good great charming enjoyable pleasant impressive memorable satisfying convincing likeable inspired inviting "
        "polished clever refreshing special original appealing rewarding exciting lovely interesting entertaining "
        "thoughtful elegant attractive worthwhile beautiful"
    ),
    False: _words(
        "bad dull boring poor disappointing weak clumsy tedious forgettable unpleasant bland predictable mediocre "
        "irritating annoying careless sloppy dreary tiresome shabby ordinary lifeless uninspired messy confusing cheap "
        "awkward frustrating"
    ),
}
STRONG = {
    True: _words(
        "superb wonderful excellent brilliant terrific outstanding splendid marvellous magnificent exceptional "
        "stunning delightful fantastic fabulous glorious perfect flawless sublime exquisite unforgettable"
    ),
    False: _words(
        "awful terrible dreadful horrible appalling atrocious abysmal hopeless ghastly unbearable dire pathetic lousy "
        "dismal miserable wretched woeful hideous disastrous insufferable"
    ),
}
FEELINGS = {
    True: (("enjoy", "enjoyed"), ("love", "loved"), ("like", "liked"), ("admire", "admired")),
    False: (("hate", "hated"), ("dislike", "disliked"), ("regret", "regretted"), ("resent", "resented")),
}
EFFECTS = {
    True: (("save", "saved"), ("redeem", "redeemed"), ("rescue", "rescued"), ("lift", "lifted")),
    False: (("ruin", "ruined"), ("spoil", "spoiled"), ("wreck", "wrecked"), ("mar", "marred")),
}
NAMES = {True: _words("good fine high great"), False: _words("bad poor dubious low")}

AFFIRMED = _phrases(
    "{was} {x} / {was} really {x} / {was} truly {x} / {was} certainly {x} / {was} nothing if not {x} / "
    "{was} without doubt {x} / {was} simply {x}"
)
NEGATED = _phrases(
    "{was} not {x} / {was} not {x} at all / {was} hardly {x} / {was} anything but {x} / {was} by no means {x} / "
    "{was} far from {x} / {was} never {x} / {was} not in the least {x}"
)

BUT = _phrases(", but / , yet / ; still, / . However,")
ALTHOUGH = _phrases("although / though / even though / while")
DESPITE_THAT = _phrases("although / even though / even if")
LATE = _phrases(
    "in the end / by the end / looking back / all things considered / now that it is over / on reflection / after all"
)

WHO = _phrases(
    "my sister / my brother / a friend / a colleague / my neighbour / my parents / my cousin / two friends / my wife / "
    "my husband / our daughter / an old teacher of mine"
)
WHEN = _phrases(
    "last summer / in October / over the holidays / on a rainy Tuesday / one weekend in spring / on my birthday / "
    "a month ago / last Friday / in the middle of January / during a long train strike / just after Easter"
)
NUMBER = _words("two three four five six seven")

PRODUCTS = (
    Product(
        nouns=_words("film movie thriller comedy drama western"),
        singular=_phrases(
            "the plot / the acting / the ending / the soundtrack / the camera work / the dialogue / the opening / "
            "the lead actor / the script"
        ),
        plural=_phrases("the jokes / the costumes / the action scenes / the songs / the characters / the effects"),
        asides=_phrases(
            "I watched it with {who} {when}. / We saw it {when}. / It was chosen by {who}. / "
            "It runs for over {number} hours with the break. / We sat in row {number} of an old cinema. / "
            "I had seen the poster {when}."
        ),
        early=_phrases("at first / on paper / for the first hour / in the opening minutes / in the trailer"),
    ),
    Product(
        nouns=_words("book novel memoir biography story collection"),
        singular=_phrases(
            "the plot / the prose / the ending / the first chapter / the hero / the translation / the style / "
            "the dialogue / the cover"
        ),
        plural=_phrases("the characters / the descriptions / the letters / the final pages / the notes / the twists"),
        asides=_phrases(
            "I borrowed it from {who} {when}. / I read it on the train {when}. / It has {number} hundred pages. / "
            "It came in the post {when}. / I finished it in {number} evenings. / It was a gift from {who}."
        ),
        early=_phrases("at first / on paper / for a hundred pages / in the early chapters / at a first glance"),
    ),
    Product(
        nouns=_words("restaurant bistro cafe pizzeria diner pub"),
        singular=_phrases(
            "the food / the service / the menu / the wine list / the dessert / the soup / the music / the bread / "
            "the terrace"
        ),
        plural=_phrases("the waiters / the starters / the portions / the sauces / the drinks / the cocktails"),
        asides=_phrases(
            "We ate there with {who} {when}. / There were {number} of us. / We had a table by the window. / "
            "I went there with {who} for lunch. / We ordered {number} dishes to share. / "
            "The place had opened {when}."
        ),
        early=_phrases("at first / on paper / for the first half hour / when we sat down / from the outside"),
    ),
    Product(
        nouns=_words("hotel hostel guesthouse inn resort lodge"),
        singular=_phrases(
            "the breakfast / the pool / the staff / the view / the lobby / the garden / the bed / the location / "
            "the bathroom"
        ),
        plural=_phrases("the rooms / the beds / the corridors / the towels / the receptionists / the evening meals"),
        asides=_phrases(
            "We stayed for {number} nights {when}. / I booked it with {who} {when}. / "
            "Our room was on floor {number}. / We came by car with {who}. / It stands {number} miles from the coast. / "
            "We arrived late in the evening."
        ),
        early=_phrases("at first / on paper / on the first day / in the photographs / from the outside"),
    ),
)
