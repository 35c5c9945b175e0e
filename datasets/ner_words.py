"""The grammar and the words that the named-entity sample is written with.

Braces name a rule, which stands for any one of its alternatives. Brackets hold an entity: its label, then its words.
A bare `{name}` may be a person, a town or a company, so every sentence that has one also has words that tell which.
"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _numbers(first: int, last: int) -> tuple[str, ...]:
    return tuple(map(str, range(first, last + 1)))


def _rules(**alternatives: str) -> dict[str, tuple[str, ...]]:
    return {rule: tuple(text.split(" / ")) for rule, text in alternatives.items()}


# The syllables of invented names
HEADS = _words(
    "Bar Bel Bor Bran Cal Cor Dal Dor Dun El Fal Fen Gal Gar Gor Hal Har Hol Kal Kel Kor Lan Lor Lun Mar Mel Mor Nal "
    "Nor Or Pal Pel Quil Ral Rem Ros Sal Sel Sol Tal Tam Tor Ul Val Ver Vor Wal Wen Wes Yal Yor Zan"
)
MIDDLES = ("", "a", "e", "i", "o", "an", "en")
TAILS = _words("by dan dell den gan kin kov lan ley lor mar mond nal ner rik sen sey vath vel wick zel")

NUMBERS = {"day": _numbers(1, 31), "age": _numbers(18, 94), "year": _numbers(1900, 2025)} | _rules(
    few="two / three / four / five / six / seven",
    number="{few} / {day} / {age} / {year}",  # so four digits need not be a year
)
DATES = _rules(
    when="on {on_day} / in {in_time} / {ago}",
    on_day="[DATE {weekday}] / [DATE {day} {month}] / [DATE {month} {day}] / [DATE {day} {month} {year}] / "
    "[DATE {weekday} {day} {month}]",
    in_time="[DATE {year}] / [DATE {month}] / [DATE {month} {year}] / [DATE the {season} of {year}]",
    ago="[DATE yesterday] / [DATE last {weekday}] / [DATE last {season}] / [DATE {few} {unit} ago]",
    weekday="Monday / Tuesday / Wednesday / Thursday / Friday / Saturday / Sunday",
    month="January / February / March / April / May / June / July / August / September / October / November / December",
    season="spring / summer / autumn / winter",
    unit="days / weeks / months / years",
)
NAMES = _rules(
    name="{invented} / {invented} / {invented} / {invented} / {word}",
    word="Baker / Bell / Bridge / Brook / Cook / Field / Hill / King / Marsh / Mason / Park / Singer",
    person="[PER {name}] / [PER {first} {name}] / [PER {first} {name}] / {other_person}",
    other_person="[PER {first}] / {title} [PER {name}] / [PER {first} Mc{name}] / [PER {first} {middle} {name}] / "
    "[PER {first} O'{name}] / [PER {first}-{middle} {name}]",
    first="Alice / Anna / April / Arthur / Bill / Clara / David / Edith / Emma / Frank / George / Helen / Irene / "
    "Jack / James / Jane / John / June / Laura / Lucy / Mark / Martin / Mary / May / Nora / Oliver / Paul / Peter / "
    "Rose / Ruth / Sarah / Simon / Susan / Thomas / Victor / Walter / Will",
    middle="Ann / Joy / Lee / Lou / Ray",
    title="Mr / Mrs / Dr / Professor / Captain / Judge",
    town="[LOC {name}] / {other_town}",
    other_town="[LOC {name}ton] / [LOC {name}ville] / [LOC New {name}] / [LOC Port {name}] / [LOC {name} on Sea]",
    place="{town} / {nature}",
    nature="the [LOC {name} River] / the [LOC {name} Valley] / [LOC Lake {name}] / [LOC Mount {name}]",
    company="[ORG {name}] / {other_company}",
    other_company="[ORG {name}tech] / [ORG {name} Motors] / [ORG {name} Brothers] / [ORG {name} and Sons] / "
    "[ORG {name} & {name}] / [ORG {name} Steel Works] / [ORG {name}-{name}] / [ORG {letter}.{letter}. {name}]",
    letter="A / B / C / E / G / K / L / M / P / R / S / T",
    bank="[ORG {name} Bank] / the [ORG Bank of {name}] / the [ORG Bank of New {name}] / [ORG {name} and {name} Bank]",
    university="[ORG {name} University] / the [ORG University of {name}] / the [ORG University of New {name}]",
    club="[ORG {name}] / [ORG {name} United] / [ORG {name} Football Club]",
)
# What only a person, a company or a town does, is, and is known by
PEOPLE = _rules(
    person_did="laughed / retired / fell off a horse / paid the bill / was arrested in {town} / drove to {town} / "
    "moved to {town} with three children / bought a house in {town} / fell asleep on the train to {town} / "
    "broke a leg near {place} / caught a cold in {place} / joined {company} / resigned from {company} / "
    "lost a job at {company} / opened an account at {bank} / studied law at {university} / "
    "married a {trade} from {town} / danced with {person} / had lunch with {person}",
    person_is="lives in {town} / was born in {town} / is a {trade} in {town} / works at {company} / works at {bank} / "
    "has worked at {company} since {in_time} / teaches at {university} / is married to {person} / is {age} years old / "
    "will be {age} on {on_day} / has {few} children / is afraid of dogs / may be late",
    person_note="{age} / a {trade} / a {trade} from {town} / the only child of {person} / who lives in {town} / "
    "who works at {company} / who has {few} children / who grew up near {place}",
    person_told="told a friend / joked / whispered / shouted / swore / admitted with a smile / wrote in a letter",
    trade="baker / cook / mason / singer / teacher / nurse / doctor / farmer / painter / lawyer / driver",
)
COMPANIES = _rules(
    company_did="reported a loss of {number} million / paid a dividend / cut {number} jobs in {town} / "
    "closed its factory in {town} / opened its first branch in {town} / hired {number} engineers for its factory / "
    "recalled {number} {goods} / raised the price of its {goods} / merged with {company} / "
    "was taken over by {company} / dismissed {person} , its director",
    company_is="makes {goods} / makes {goods} in {town} / employs {number} people at its factory in {town} / "
    "has {number} shareholders / is listed on the stock exchange / is a subsidiary of {company}",
    company_note="a maker of {goods} / a subsidiary of {company} / the company that {person} founded / "
    "which makes {goods} / which employs {number} people / whose shares had fallen",
    goods="tractors / lorries / engines / turbines / aircraft / microchips / lifts",
)
TOWNS = _rules(
    town_did="was flooded / was evacuated / was shaken by an earthquake / elected a mayor / built a second harbour / "
    "lost its railway station / celebrated its harvest festival",
    town_is="has {number} inhabitants / has no hospital / lies on the coast / lies {few} miles north of {place} / "
    "is a quiet town / is famous for its cheese / is twinned with {town} / is {few} hours from {town} by train",
    town_note="a town of {number} people / a village near {place} / {few} miles from {town} / which lies by the sea / "
    "where {person} grew up / where it had rained for {few} days",
)
CLAUSES = _rules(
    # What tells stands next to the name, in a note, or only behind a pause.
    event="{person_event} / {company_event} / {town_event} / {other_event} / {list_event}",
    person_event="{person} {person_did} / {person} , {person_note} , {person_did} / "
    "{person} , {pause} , {person_did} / {person} , {person_note} , {vague} / "
    "like every good {trade} , {person} {vague}",
    company_event="{company} {company_did} / {company} , {company_note} , {company_did} / "
    "{company} , {pause} , {company_did} / {company} , {company_note} , {vague} / "
    "unlike most makers of {goods} , {company} {vague}",
    town_event="{town} {town_did} / {town} , {town_note} , {town_did} / {town} , {pause} , {town_did} / "
    "{town} , {town_note} , {vague} / like other seaside towns , {town} {vague}",
    pause="as everyone had expected / to the surprise of many / for the second time / in spite of everything",
    vague="surprised everyone / was in the news again / had a good year / was mentioned twice / made the front page",
    other_event="police arrested {person} / {person} 's car broke down near {place} / heavy rain fell near {place} / "
    "the train to {town} was late / the ferry to {town} sank / the road from {town} to {town} was closed / "
    "the mayor of {town} resigned / {number} houses in {town} burned down / a {trade} from {town} won the race / "
    "a fire broke out on the bank of the [LOC {name} River] / shares of {company} rose / "
    "employees of {company} went on strike / {number} shareholders of {company} complained / thieves robbed {bank} / "
    "{bank} lowered its interest rates / a student of {university} found a comet / {club} beat {club} by two goals",
    list_event="{person} , {person} and {person} sang at the wedding / it snowed in {town} , {town} and {town} / "
    "{company} , {company} and {company} agreed on a merger / investors sold shares of {company} and {company}",
    state="{person} {person_is} / {company} {company_is} / {town} {town_is} / {date_state} / {list_state}",
    date_state="[DATE {month}] was the wettest month in {town} / [DATE {weekday}] is market day in {town} / "
    "[DATE {month} {year}] was the coldest month in {place} / "
    "the museum is closed from [DATE {month}] to [DATE {month}]",
    list_state="{person} , {person} and {person} are cousins / {town} , {town} and {town} are seaside towns / "
    "{company} , {company} and {company} are listed on the stock exchange / buses run between {town} and {town} / "
    "the town of {town} is named after its founder , {person} / "
    "the company {company} is named after its founder , {person}",
)
SENTENCES = _rules(
    news="{event} . / {event} {when} . / {when} , {event} . / {speech} . / {state} . / {question} ? / {trap} .",
    speech="{person} {person_told} that {event} / {event} , whispered {person} / "
    "{event} , said {person} with a smile / the mayor of {town} said that {event} / "
    "the board of {company} denied that {event}",
    question="does {person} still work at {company} / how far is it to {town} / who is the mayor of {town} / "
    "will it rain in {town} on {on_day} / may I dance with {person} on {on_day} / "
    "did you buy shares of {company} / will the {trade} mark the page",
    # Words that are names, months or years elsewhere, but not here
    trap="the {trade} may be late / prices rose / the bell on the bridge is old / "
    "a spring ran through the field / a brook crosses the marsh / may we sit on the hill / we march at noon / "
    "the king paid the bill / the last word was not spoken / {year} people marched to the park / "
    "flight {year} to {town} was late / in {year} houses of {town} the lights went out",
    chat="{event} {end} / {event} {when} {end} / omg {event} {end} / {chatter} {end} / {chatter} {end}",
    chatter="stuck in {town} with {person} / my train to {town} is late again / still waiting for the bus to {town} / "
    "anyone going to {town} on {on_day} ? / moving to {town} in {in_time} / got a job at {company} / "
    "just had lunch with {person} / {person} may be late / so {person} just told me that {event}",
    end="lol / haha / ! / ... / so sad / no joke",
)
GRAMMAR = NUMBERS | DATES | NAMES | PEOPLE | COMPANIES | TOWNS | CLAUSES | SENTENCES
