import pytest

from steadygan.errors import ConfigError
from steadygan.study.cells import Cell
from steadygan.study.claims import sized, study_named
from steadygan.study.study import EVERY, Study, read_study

PLAIN = {"name": "t", "arms": {"sn": [], "none": ["stabilizers=[]"]}, "metrics": {"modes": {"of": "score/modes"}}}
FULL = PLAIN | {
    "title": "größer – “better”",
    "about": "line: one\n- two\u2028",
    "base": {"recipe": "ring", "set": ["steps=60", "loss={name: hinge, margin: 2}"]},
    "arms": {"sn": None, "none": {"set": ["stabilizers=[]"]}, "on": [], "1e-4": []},
    "settings": {"A": ["steps=3"], "no": {"data": "photos/"}, "007": []},
    "seeds": [5, 0, 3],
    "metrics": {
        "q": {"of": "score/q", "higher_is_better": True, "fails_below": -0.5},
        "late": {"of": "score/q", "at": "second", "reach": 0.1},
    },
    "reference": "none",
    "rules": [{"a": "sn", "b": "none", "metric": "q", "settings": ["A"], "margin": 0.1}],
    "leave_out": [{"arm": "none", "setting": "no", "why": "too slow"}, {"arm": "on", "why": "known"}],
    "minutes": 1.5,
}


def test_cells_come_seed_by_seed_without_the_pairs_left_out():
    study = Study.of(FULL)
    pairs = [
        ("sn", "A"),
        ("none", "A"),
        ("1e-4", "A"),
        ("sn", "no"),
        ("1e-4", "no"),
        ("sn", "007"),
        ("none", "007"),
        ("1e-4", "007"),
    ]
    assert list(study.pairs()) == pairs
    assert study.cells() == [Cell(arm, setting, seed) for seed in (5, 0, 3) for arm, setting in pairs]
    assert study.why_not("on", "A") == "known"
    assert study.why_not("none", "A") is None


def test_a_number_of_seeds_counts_from_0_and_a_list_is_taken_as_it_is():
    assert Study.of(PLAIN).seeds == (0, 1, 2, 3, 4)
    assert Study.of(PLAIN | {"seeds": 2}).seeds == (0, 1)
    assert Study.of(PLAIN | {"seeds": [7]}).seeds == (7,)


def test_the_first_arm_is_the_reference_where_none_is_named():
    assert Study.of(PLAIN).compared_with == "sn"
    assert Study.of(FULL).compared_with == "none"


@pytest.mark.parametrize("settings", [PLAIN, FULL])
def test_a_study_goes_to_yaml_and_back(settings, tmp_path):
    study, file = Study.of(settings), tmp_path / "study.yaml"
    file.write_text(study.yaml(), encoding="utf-8")
    assert read_study(file) == study
    assert list(read_study(file).arms) == list(study.arms)  # their order is that of the table


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"metrics": {"steep": {"of": "history/slope/largest", "judges": False}}, "rules": []},
            "metrics: the first: 'steep' has",
        ),
        (
            {
                "metrics": {**PLAIN["metrics"], "steep": {"of": "history/slope/largest", "judges": False}},
                "rules": [{"a": "sn", "b": "none", "metric": "steep"}],
            },
            "rules: 'steep' has judges: false, so no arm is better by it",
        ),
        ({"sedes": 3}, r"sedes: there is no such setting; did you mean 'seeds'\? settings here: name, title"),
        (
            {"base": {"recip": "ring"}},
            r"base\.recip: there is no such setting; did you mean 'recipe'\? settings here: data, recipe, set",
        ),
        ({"arms": {"sn": {"sets": []}}}, r"arms\.sn\.sets: .*did you mean 'set'\?"),
        ({"settings": {"A": {"date": "x"}}}, r"settings\.A\.date: .*did you mean 'data'\?"),
        ({"metrics": {"q": {"of": "score/q", "fails_belo": 1}}}, r"metrics\.q\.fails_belo: .*did you mean 'fails_below'\?"),
        (
            {"rules": [{"a": "sn", "b": "none", "metrc": "modes"}]},
            r"rules\.0\.metrc: .*did you mean 'metric'\? settings here: a, b,",
        ),
        (
            {"leave_out": [{"arm": "sn", "seting": "A", "why": ""}]},
            r"leave_out\.0\.seting: .*did you mean 'setting'\? settings here: arm",
        ),
        ({"metrics": {"q": {"of": "score/q", "at": "lats"}}}, r"metrics\.q\.at: input should be 'last', .*, got 'lats'"),
        ({"metrics": {"q": {"of": "loss/q"}}}, r"metrics\.q: 'of' begins with score/, history/ or cost/, found 'loss/q'"),
        (
            {"metrics": {"q": {"of": "cost/ms"}}},
            r"metrics\.q: there is no cost 'ms'; .*known: cpu_seconds, seconds, ms_per_step",
        ),
        ({"metrics": {"q": {"of": "cost/seconds", "at": "best"}}}, r"a cost is one number"),
        ({"metrics": {"q": {"of": "score/q", "at": "step"}}}, r"'reach' goes with at: step"),
        ({"metrics": {"q": {"of": "score/q", "reach": 1}}}, r"'reach' goes with at: step"),
        ({"metrics": {"q": {"of": "score/q", "fails_above": float("nan")}}}, r"metrics\.q\.fails_above: .*finite"),
        (
            {"rules": [{"a": "sm", "b": "none", "metric": "modes"}]},
            r"rules: an arm is 'sm', and there is none; did you mean 'sn'\?",
        ),
        ({"rules": [{"a": "sn", "b": "none", "metric": "mods"}]}, r"rules: a metric is 'mods', .*did you mean 'modes'\?"),
        ({"rules": [{"a": "sn", "b": "none", "metric": "modes", "settings": ["as_is"]}]}, r"a setting is 'as_is', .*'as-is'"),
        ({"rules": [{"a": "sn", "b": "sn", "metric": "modes"}]}, r"rules\.0: a and b are the same arm 'sn'"),
        ({"leave_out": [{"arm": "nine", "why": ""}]}, r"leave_out: an arm is 'nine', .*did you mean 'none'\?"),
        ({"leave_out": [{"arm": "sn", "setting": "B", "why": ""}]}, r"leave_out: a setting is 'B', .*known: as-is, \*"),
        (
            {"leave_out": [{"arm": each, "setting": EVERY, "why": ""} for each in PLAIN["arms"]]},
            r"leave_out: nothing is left to run",
        ),
        ({"reference": "nonne"}, r"reference: an arm is 'nonne', .*did you mean 'none'\?"),
        ({"arms": {"a.b": []}}, r"arms: a name is 1 to 60 letters, .*, found 'a\.b'"),
        ({"settings": {"a/b": []}}, r"settings: a name is .*, found 'a/b'"),
        ({"metrics": {"": {"of": "score/q"}}}, r"metrics: a name is .*, found ''"),
        ({"arms": {"..": []}}, r"arms: a name is .*, found '\.\.'"),
        ({"arms": {"a\n": []}}, r"arms: a name is .*, found 'a\\n'"),
        ({"arms": {"x" * 61: []}}, r"arms: a name is .*, found 'xxx"),
        ({"arms": {"SN": [], "sn": []}}, r"arms: 'SN' and 'sn' differ in capitals alone"),
        ({"name": "a b"}, r"name: a name is .*, found 'a b'"),
        ({"settings": {2: [], 4: []}}, r"settings: a name is text, found 2; write it in quotes"),
        ({"arms": {}}, r"arms: .*at least 1 item"),
        (
            {"arms": {"sn": "stabilizers=[x]"}},
            r"""arms\.sn: changes are a list, be it of one as in \["stabilizers=\[x\]"\], got 'stabilizers=\[x\]'""",
        ),
        ({"arms": {"sn": "ring"}}, r"""arms\.sn: changes are a list, be it of one as in \["steps=300"\], got 'ring'"""),
        ({"arms": {"sn": {"set": "steps=3"}}}, r"""arms\.sn\.set: changes are a list.* \["steps=3"\], got 'steps=3'"""),
        ({"base": "steps=3"}, r"""base: changes are a list.* \["steps=3"\], got 'steps=3'"""),
        ({"settings": {"A": 3}}, r"""settings\.A: changes are a list, as in \["steps=300"\], got 3"""),
        ({"metrics": {"kid": "score/kid"}}, r"metrics\.kid: a metric is a mapping, as in \{of: score/kid\}, got 'score/kid'"),
        ({"metrics": {"kid": "kid"}}, r"metrics\.kid: a metric is a mapping, as in \{of: score/kid\}, got 'kid'"),
        ({"metrics": {"kid": None}}, r"metrics\.kid: a metric is a mapping, as in \{of: score/kid\}, got None"),
        ({"arms": {"sn": [{"steps": 3}]}}, r"arms\.sn\.set\.0: input should be a valid string, got \{'steps': 3\}"),
        ({"seeds": 0}, r"seeds: a number alone says how many seeds, 1 to .*got 0"),
        ({"seeds": -1}, r"seeds: a number alone says how many seeds, .*got -1"),
        ({"seeds": 20260101}, r"seeds: a number alone says how many seeds, .*seed 7 alone is \[7\], got 20260101"),
        ({"seeds": []}, r"seeds: .*at least 1 item"),
        ({"seeds": [1, 1]}, r"seeds: seeds are different numbers from 0 up, got \[1, 1\]"),
        ({"seeds": [0, -1]}, r"seeds: seeds are different numbers from 0 up, got \[0, -1\]"),
        ({"seeds": True}, r"seeds: seeds are numbers, got True"),
        ({"seeds": [False, True]}, r"seeds: seeds are numbers, got \[False, True\]"),
        ({"seeds": [0.5]}, r"seeds\.0: .*valid integer.*got 0\.5"),
        ({"patience": 0}, r"patience: input should be greater than 0, got 0"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_the_nearest_name(changes, said):
    with pytest.raises(ConfigError, match=rf"^mine\.yaml: .*{said}"):
        Study.of(PLAIN | changes, "mine.yaml")


@pytest.mark.parametrize("key", ["name", "arms", "metrics"])
def test_what_is_missing_is_named_and_not_all_that_is_there(key):
    with pytest.raises(ConfigError, match=rf"study: {key}: field required$"):
        Study.of({name: value for name, value in PLAIN.items() if name != key})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected a mapping, got NoneType"),
        (b"- a\n- b\n", "expected a mapping, got list"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "not readable as YAML"),
        (b"\x00\x01", "not readable as YAML"),
        (b"name: t\narms: [a,\nb: {", "not readable as YAML: line 3: expected"),
        (b"name: t\narms:\n  sn: []\n  sn: [steps=3]\n", "not readable as YAML: line 4: 'sn' stands twice"),
        (b"[" * 5000, "not readable as YAML"),
    ],
)
def test_a_file_that_is_no_study_is_named(content, said, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"mine\.yaml: {said}"):
        read_study(file)


def test_a_missing_file_is_named_and_so_is_a_directory(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match=f"{path}: there is no such file; give a study file, or the name of a claim"):
            read_study(path)


@pytest.mark.parametrize("tier", [None, "s"])
@pytest.mark.parametrize(
    ("tiers", "said"),
    [
        ("[s]", r"tiers: expected a mapping from names to settings, got \['s'\]"),
        ("s", "tiers: expected a mapping from names to settings, got 's'"),
        ("{s: null}", r"tiers\.s: expected a mapping of settings, got None"),
        ("{s: {seeds: 2}, m: [seeds]}", r"tiers\.m: expected a mapping of settings, got \['seeds'\]"),
        ("{1: {seeds: 2}}", "tiers: a name is text, found 1; write it in quotes"),
    ],
)
def test_tiers_that_are_none_are_named_with_their_key(tiers, said, tier, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: t\narms: {{sn: []}}\nmetrics: {{q: {{of: score/q}}}}\ntiers: {tiers}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"mine\.yaml: {said}"):
        study_named(str(file), tier)


def test_a_tier_replaces_what_stands_beside_it_and_no_tiers_are_none():
    tiers = {"s": {"seeds": 3}, "m": {}}
    assert [len(sized(PLAIN | {"tiers": tiers}, "mine.yaml", tier).seeds) for tier in (None, "s", "m")] == [3, 3, 5]
    assert sized(PLAIN | {"tiers": None}, "mine.yaml", None) == Study.of(PLAIN)
