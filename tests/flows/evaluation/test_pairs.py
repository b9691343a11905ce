"""Which anonymized file belongs to which original, and who is on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.evaluation import groups, who
from flows.evaluation.pairs import Pairing, pair_up
from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from flows.run.sources import VIDEO_SUFFIXES, find
from infra.errors import UsageError
from infra.storage.store import Store
from tasks.evaluation.metrics.bands import Groups
from tasks.records import Verdict

KEY = b"k" * 32
pytestmark = pytest.mark.usefixtures("home")


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def found(pairing: Pairing) -> dict[str, str | None]:
    return {pair.original.name: pair.anonymized.name if pair.anonymized else None for pair in pairing.pairs}


def test_files_of_others_are_paired_by_path_whatever_their_suffix(tmp_path: Path) -> None:
    ours = files(tmp_path / "a", "x/1.mp4", "x/2.mov", "y/1.mp4", "p.jpg", "notes.txt")
    theirs = files(tmp_path / "b", "x/1.mkv", "y/1.mp4", "p.png", "z.mp4")
    pairing = pair_up(str(ours), str(theirs), KEY)
    assert found(pairing) == {"p.jpg": "p.png", "x/1.mp4": "x/1.mkv", "x/2.mov": None, "y/1.mp4": "y/1.mp4"}
    assert pairing.strangers == 1 and pairing.people == 4 and not pairing.manifest
    assert not any(pair.labelled for pair in pairing.pairs) and pairing.others == ()
    assert [pair.picture for pair in pairing.pairs] == [True, False, False, False]


@pytest.mark.parametrize("how", ["person", "people"])
def test_labels_that_name_nobody_are_refused(tmp_path: Path, how: str) -> None:
    ours, theirs = files(tmp_path / "a", "id1/1.mp4", "id2/1.mp4"), files(tmp_path / "b", "id1/1.mp4", "id2/1.mp4")
    (tmp_path / "who.csv").write_text("file,person\n/elsewhere/id1/1.mp4,Jane\n")
    given = {"person": r"/(id\d+)/"} if how == "person" else {"people": str(tmp_path / "who.csv")}
    with pytest.raises(UsageError, match="names nobody"):
        pair_up(str(ours), str(theirs), KEY, **given)
    assert pair_up(str(ours), str(theirs), KEY, r"(?:^|/)(id\d+)/").people == 2


def test_one_file_and_one_file_belong_together(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "1.mp4") / "1.mp4", files(tmp_path / "b", "other.mp4") / "other.mp4"
    assert found(pair_up(str(ours), str(theirs), KEY)) == {"1.mp4": "other.mp4"}


def test_our_own_results_are_paired_by_the_manifest_and_the_key(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "one.mp4", "two.mp4", "three.mp4"), tmp_path / "b"
    store = Store(str(theirs), private=False)
    manifest = Manifest(store)
    verdicts = {"one.mp4": Verdict.PUBLISHED, "two.mp4": Verdict.WITHHELD, "three.mp4": Verdict.PUBLISHED}
    for job in find(str(ours), VIDEO_SUFFIXES):
        verdict = verdicts[job.name]
        output = f"videos/{job.ordinal}.mp4" if verdict is Verdict.PUBLISHED else ""
        manifest.record(
            VideoRow(
                public_id=f"id{job.ordinal}",
                input_id=job.input_id(KEY),
                ordinal=job.ordinal,
                verdict=verdict,
                output=output,
                surroundings=0.25 if job.name == "one.mp4" else None,
            )
        )
        if output:
            store.write_named(output, b"result")
    manifest.flush()
    # The names agree with other originals, which must not count.
    pairing = pair_up(str(ours), str(theirs), KEY)
    assert found(pairing) == {"one.mp4": "videos/1.mp4", "three.mp4": "videos/2.mp4", "two.mp4": None}
    assert [pair.name for pair in pairing.pairs][2] == "(no result, input 3)", "an original's name is told to nobody"
    assert pairing.manifest and [pair.surroundings for pair in pairing.pairs] == [0.25, None, None]
    with pytest.raises(UsageError, match="ANONFLOW_KEY_FILE"):
        pair_up(str(ours), str(theirs), b"x" * 32)


@pytest.mark.parametrize(
    ("person", "numbers"),
    [("", [0, 1, 2, 3]), (r"^([^/]+)/", [0, 0, 1, 2]), (r"/(\w)", [0, 1, 2, 3]), (r"(b|x)", [0, 0, 1, 2])],
)
def test_people_are_named_by_an_expression(tmp_path: Path, person: str, numbers: list[int]) -> None:
    ours = files(tmp_path / "a", "b/1.mp4", "b/2.mp4", "c/3.mp4", "d.mp4")
    theirs = files(tmp_path / "t", "b/1.mp4")
    pairing = pair_up(str(ours), str(theirs), KEY, person)
    assert [pair.person for pair in pairing.pairs] == numbers and pairing.people == len(set(numbers))
    assert "b/1" not in repr(pairing.pairs[0])


def test_people_are_named_by_a_table(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "1.mp4", "2.mp4", "3.mp4"), files(tmp_path / "t", "1.mp4")
    table = tmp_path / "people.csv"
    table.write_text("file,person\n1.mp4,Ann\n3.mp4,Ann\n", "utf-8")
    assert [pair.person for pair in pair_up(str(ours), str(theirs), KEY, people=str(table)).pairs] == [0, 1, 0]
    table.write_text("name,person\n", "utf-8")
    with pytest.raises(UsageError, match="columns file and person"):
        pair_up(str(ours), str(theirs), KEY, people=str(table))


def test_groups_come_from_the_same_table(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "1.mp4", "2.mp4", "3.mp4"), files(tmp_path / "t", "1.mp4", "2.mp4")
    table = tmp_path / "people.csv"
    table.write_text("file,person,group,result_group\n1.mp4,Ann,x,y\n2.mp4,Ann, x ,\n3.mp4,Bob,,\n", "utf-8")
    pairing = pair_up(str(ours), str(theirs), KEY, people=str(table))
    assert [(pair.group, pair.result_group) for pair in pairing.pairs] == [("x", "y"), ("x", ""), ("", "")]
    assert groups.of(pairing) == Groups({0: "x"}, {1: "y"}) and "'y'" not in repr(pairing)
    table.write_text("file,person,group\n1.mp4,Ann,x\n2.mp4,Ann,z\n", "utf-8")
    pairing = pair_up(str(ours), str(theirs), KEY, people=str(table))
    assert groups.of(pairing) == Groups(), "a person whose files differ is of no group"


def test_labels_that_can_be_no_groups_are_refused(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "1.mp4"), files(tmp_path / "t", "1.mp4")
    table = tmp_path / "people.csv"
    for lines, said in (
        (["1.mp4,Ann,x", "1.mp4,Ann,z"], "two groups"),
        (["1.mp4,Ann,x", *(f"{n}.avi,B,group-{n}" for n in range(who.MOST_GROUPS))], "25 different labels"),
        ([f"1.mp4,Ann,{'x' * 41}"], "no names of people"),
    ):
        table.write_text("\n".join(["file,person,group", *lines]), "utf-8")
        with pytest.raises(UsageError, match=said) as refused:
            pair_up(str(ours), str(theirs), KEY, people=str(table))
        assert "Ann" not in str(refused.value) and "group-" not in str(refused.value)


@pytest.mark.parametrize(
    ("person", "people", "said"),
    [("(", "", "regular"), ("x", "", "group"), ("(x)", "y.csv", "not both"), ("", "missing.csv", "cannot be read")],
)
def test_what_names_nobody_is_refused(tmp_path: Path, person: str, people: str, said: str) -> None:
    ours, theirs = files(tmp_path / "a", "1.mp4"), files(tmp_path / "t", "1.mp4")
    with pytest.raises(UsageError, match=said):
        pair_up(str(ours), str(theirs), KEY, person, people)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(["1.mp4"], ["1.mp4", "1.mov"]), (["1.mp4", "1.avi"], ["1.mp4"]), (["1.mp4", "1.avi"], ["1.mp4", "1.mov"])],
)
def test_files_that_differ_in_their_suffix_only_are_refused(tmp_path: Path, ours: list[str], theirs: list[str]) -> None:
    a, b = files(tmp_path / "a", *ours, "other.mp4"), files(tmp_path / "b", *theirs, "other.mp4")
    with pytest.raises(UsageError, match="suffix"):
        pair_up(str(a), str(b), KEY)


def test_files_with_the_very_same_names_belong_together_and_so_do_files_of_one_kind(tmp_path: Path) -> None:
    ours = files(tmp_path / "a", "1.mp4", "1.avi", "2.mp4", "2.jpg", "3.jpg")
    theirs = files(tmp_path / "b", "1.avi", "1.mp4", "2.mov", "2.png", "3.mp4")
    pairing = pair_up(str(ours), str(theirs), KEY)
    assert found(pairing) == {
        "1.avi": "1.avi", "1.mp4": "1.mp4", "2.jpg": "2.png", "2.mp4": "2.mov", "3.jpg": None
    }  # fmt: skip
    assert pairing.strangers == 1
    with pytest.raises(UsageError, match="one kind"):
        pair_up(str(ours / "3.jpg"), str(theirs / "3.mp4"), KEY)


def destination(folder: Path, source: Path, results: dict[str, str], **more: str) -> Manifest:
    """A destination with a row for each named original of the source."""
    store = Store(str(folder), private=False)
    manifest = Manifest(store)
    for job in find(str(source), VIDEO_SUFFIXES | {".png"}):
        if job.name not in results:
            continue
        output = results[job.name]
        verdict = Verdict.PUBLISHED if output else Verdict.WITHHELD
        row = VideoRow(public_id=output[-8:-4] or "none", input_id=job.input_id(KEY), ordinal=job.ordinal,
                       verdict=verdict, output=output, **more)  # fmt: skip
        manifest.record(row)
        if output:
            store.write_named(output, b"result")
    manifest.flush()
    return manifest


def test_a_clip_that_lies_there_twice_is_one_pair(tmp_path: Path) -> None:
    ours = files(tmp_path / "a", "one.mp4", "two.mp4", "pic.png")
    for name in ("one.mp4", "pic.png"):
        (ours / "again").mkdir(exist_ok=True)
        (ours / "again" / name).write_bytes((ours / name).read_bytes())
    results = {"one.mp4": "videos/id_1.mp4", "two.mp4": "videos/id_2.mp4", "pic.png": "images/id_3.png"}
    results |= {f"again/{name}": results[name] for name in ("one.mp4", "pic.png")}
    destination(tmp_path / "b", ours, results)
    pairing = pair_up(str(ours), str(tmp_path / "b"), KEY)
    assert found(pairing) == {"again/one.mp4": "videos/id_1.mp4", "again/pic.png": "images/id_3.png",
                              "two.mp4": "videos/id_2.mp4"}  # fmt: skip
    assert [[job.name for job in pair.copies] for pair in pairing.pairs] == [["one.mp4"], ["pic.png"], []]
    assert pairing.copies == 2 and pairing.people == pairing.unlabelled == 3 and pairing.strangers == 0
    assert "pic" not in repr(pairing)


def test_copies_with_results_of_their_own_are_pairs_of_one_person(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "1.mp4", "3.mp4"), files(tmp_path / "b", "1.mp4", "2.mp4", "3.mp4")
    (ours / "2.mp4").write_bytes((ours / "1.mp4").read_bytes())
    pairing = pair_up(str(ours), str(theirs), KEY)
    assert len(pairing.pairs) == 3 and pairing.copies == 0
    assert [pair.person for pair in pairing.pairs] == [0, 0, 1] and pairing.people == 2
    (theirs / "1.mp4").unlink()
    (theirs / "2.mp4").unlink()
    without = pair_up(str(ours), str(theirs), KEY)
    assert [len(pair.copies) for pair in without.pairs] == [1, 0] and without.people == 2


def test_the_label_of_one_copy_is_that_of_all_unless_they_differ(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "ann/1.mp4", "bob/2.mp4", "cyd/3.mp4"), files(tmp_path / "b", "ann/1.mp4")
    (ours / "x.mp4").write_bytes((ours / "ann/1.mp4").read_bytes())
    (ours / "cyd/4.mp4").write_bytes((ours / "bob/2.mp4").read_bytes())
    pairing = pair_up(str(ours), str(theirs), KEY, r"^([^/]+)/")
    people = {pair.original.name: (pair.person, pair.labelled) for pair in pairing.pairs}
    assert people == {"ann/1.mp4": (0, True), "bob/2.mp4": (1, False), "cyd/3.mp4": (2, True), "x.mp4": (0, True)}
    assert (pairing.people, pairing.unlabelled) == (3, 1)


def test_one_result_for_different_contents_is_refused_at_once(tmp_path: Path) -> None:
    ours = files(tmp_path / "a", "one.mp4", "two.mp4")
    destination(tmp_path / "b", ours, {"one.mp4": "videos/id_1.mp4", "two.mp4": "videos/id_1.mp4"})
    with pytest.raises(UsageError, match="Convert them again"):
        pair_up(str(ours), str(tmp_path / "b"), KEY)


def test_what_the_manifest_explains_is_no_stranger(tmp_path: Path) -> None:
    ours, others = files(tmp_path / "a", "one.mp4"), files(tmp_path / "c", "nine.mp4", "ten.mp4")
    out = tmp_path / "b"
    destination(out, others, {"nine.mp4": "videos/id_9.mp4", "ten.mp4": ""})
    destination(out, ours, {"one.mp4": "videos/id_0.mp4"}, finished_at="2026-01-01T00:00:00+00:00")
    destination(out, ours, {"one.mp4": "videos/id_1.mp4"}, finished_at="2026-01-02T00:00:00+00:00")
    files(out, "videos/left.mp4")
    pairing = pair_up(str(ours), str(out), KEY)
    assert found(pairing) == {"one.mp4": "videos/id_1.mp4"}, "of a file that was replaced the last content"
    assert (pairing.other_inputs, pairing.strangers) == (2, 1)
    destination(out, ours, {"one.mp4": ""}, finished_at="2026-01-03T00:00:00+00:00")
    with pytest.raises(UsageError, match="No anonymized file belongs"):
        pair_up(str(ours), str(out), KEY)


def test_a_table_that_names_two_people_for_one_file_is_refused(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "1.mp4"), files(tmp_path / "t", "1.mp4")
    (tmp_path / "who.csv").write_text("file,person\n1.mp4,Ann\n1.mp4,Ann\n")
    assert pair_up(str(ours), str(theirs), KEY, people=str(tmp_path / "who.csv")).people == 1
    (tmp_path / "who.csv").write_text("file,person\n1.mp4,Ann\n1.mp4,Bob\n")
    with pytest.raises(UsageError, match="two people") as refused:
        pair_up(str(ours), str(theirs), KEY, people=str(tmp_path / "who.csv"))
    assert "Ann" not in str(refused.value)


def test_other_pictures_join_by_the_names_of_their_people(tmp_path: Path) -> None:
    ours = files(tmp_path / "a", "ann/1.mp4", "bob/1.mp4", "nameless.mp4")
    more = files(tmp_path / "o", "cyd/9.jpg", "bob/7.jpg", "lost.jpg", "ann/8.mov", "notes.txt")
    theirs = files(tmp_path / "t", "ann/1.mp4")
    pattern = r"^([^/]+)/"
    pairing = pair_up(str(ours), str(theirs), KEY, pattern, others=str(more))
    plain = pair_up(str(ours), str(theirs), KEY, pattern)
    assert pairing.pairs == plain.pairs and pairing.people == plain.people == 3, "what there was is as it was"
    assert [pair.labelled for pair in pairing.pairs] == [True, True, False]
    found = {pair.original.name: (pair.ordinal, pair.person, pair.picture) for pair in pairing.others}
    assert found == {"ann/8.mov": (4, 0, False), "bob/7.jpg": (5, 1, True), "cyd/9.jpg": (6, 3, True)}
    assert pairing.unnamed == 1 and all(pair.other and pair.anonymized is None for pair in pairing.others)
    assert pairing.others[0].name == "(other picture, input 4)" and "ann" not in repr(pairing.others)
    (tmp_path / "who.csv").write_text("file,person\nann/1.mp4,Ann\nann/8.mov,Ann\nbob/7.jpg,\n")
    table = pair_up(str(ours), str(theirs), KEY, people=str(tmp_path / "who.csv"), others=str(more))
    assert [pair.person for pair in table.others] == [0] and table.unnamed == 3, "an empty cell names nobody"


def test_other_pictures_of_nobody_are_refused(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "ann/1.mp4"), files(tmp_path / "t", "ann/1.mp4")
    more = files(tmp_path / "o", "1.jpg")
    with pytest.raises(UsageError, match="--others needs"):
        pair_up(str(ours), str(theirs), KEY, others=str(more))
    with pytest.raises(UsageError, match="paths below --others"):
        pair_up(str(ours), str(theirs), KEY, r"^([^/]+)/", others=str(more))
