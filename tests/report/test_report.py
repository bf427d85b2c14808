"""report.html as text: its parts, its numbers, its policy, and that nothing shown becomes HTML."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import fake_sweep
import hostile
import jax
import numpy as np
import pytest
import tiny

from gan_jax import report
from gan_jax.cli import main
from gan_jax.config import get_config, hypers, to_json
from gan_jax.data import credit_of
from gan_jax.data.support import emoji_file
from gan_jax.evaluate.pictures.panels import panels
from gan_jax.evaluate.signals import make_shown, make_signals
from gan_jax.games import make_setup
from gan_jax.report import charts, compare, film, gather, markup, parts, pictures, readme
from gan_jax.report import table as table_page
from gan_jax.report.explain import SAYS, explain
from gan_jax.steps import init_state
from gan_jax.sweeps import statistics
from gan_jax.sweeps.typeset import best_in_words, number
from gan_jax.training.curves import read_columns

VOID = {"meta", "link", "input", "img", "br", "hr"}


class Tree(HTMLParser):
    """The page's nodes in order, each with the names of its attributes; tags must balance."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.nodes, self.open, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.nodes.append((tag, *(name for name, _ in attrs)))
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_comment(self, data):
        self.nodes.append(("comment",))

    def handle_pi(self, data):
        self.nodes.append(("pi",))

    def handle_data(self, data):
        self.texts.append(data)

    def count(self, tag):
        return sum(node[0] == tag for node in self.nodes)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A small sweep with every kind of row, and its page."""
    folder = tmp_path_factory.mktemp("sweep")
    rows = fake_sweep.write(folder, ("hinge", "wgan", "lsgan"), (0.0, 1.0), 8, 2000)
    text = report.write(folder).read_text()
    return folder, rows, text


def read(folder):
    return report.write(folder).read_text()


def test_a_page_of_a_sweep(sweep):
    folder, rows, text = sweep
    tree = Tree(text)
    ids = [value for _, name, value in tree.attributes if name == "id"]
    assert {"settings", "curves", "against", "rows", "failures", "config", "made-with"} <= set(ids)
    assert [i for i in ids if i.startswith("row-")] == [f"row-{i}" for i in range(len(rows))]
    with_pictures = list(folder.glob("rows/*/samples/*.png"))
    assert len(with_pictures) == len(rows)
    assert tree.count("img") == len(rows) + film.MOST_RUNS  # in the table, and on the film
    links = [value for tag, name, value in tree.attributes if (tag, name) == ("a", "href")]
    assert {link for link in links if not link.startswith("#")} >= {
        f"./rows/{row['id']}/samples/progress.gif" for row in rows
    }
    for link in links:
        assert link.startswith("#") or (folder / link).exists(), link
    for said in ("gan-jax sweep --config experiments", "jax", "0.10.2", "a processor of 2 cores"):
        assert said in text
    assert "non-finite: gen_loss is nan at step" in text
    assert len(text) < 15_000_000


def test_the_numbers_of_the_page_are_those_of_the_table(sweep):
    folder, _, text = sweep
    table = json.loads((folder / "table.json").read_text())
    assert table == json.loads(json.dumps(statistics.aggregate(folder)))
    for setting in table["settings"]:
        found = setting["metrics"]["eval/high_quality"]
        mean, error = found["mean"], found["standard_error"]
        assert f'data-v="{mean}"' in text
        assert re.search(rf"{mean:.2f}\d* ± 0\.0*{str(error).lstrip('0.')[0]}", text)
    lead = table["best"]
    assert ("best" if not lead["tied"] else "leads") in text
    assert markup.text(best_in_words(table)[0][1:]) in text


def test_the_policy_allows_what_the_page_holds_and_nothing_else(sweep):
    text = sweep[2]
    tree = Tree(text)
    policy = next(v for _, name, v in tree.attributes if name == "content" and "default-src" in v)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind in ("style", "script"):
        [code] = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
        assert set(re.findall(r"https?:|url\(|@import|import\(|fetch", code)) == set()
    for tag, name, value in tree.attributes:
        assert name != "style"
        assert not name.startswith("on")
        if name in ("src", "href"):
            assert value.startswith(("data:", "./", "#")), (tag, value)


def test_two_writes_give_the_same_bytes(sweep):
    folder, _, text = sweep
    assert read(folder) == text


def nodes(text):
    """The nodes of a page but for links without a class: not every text is the path of a log."""
    return [node for node in Tree(text).nodes if node != ("a", "href")]


@pytest.mark.parametrize("shift", [0, 13, 26])
def test_hostile_texts_of_a_sweep_add_no_node(tmp_path, shift):
    assert len(set(hostile.STRINGS)) == 40
    texts = hostile.STRINGS[shift:] + hostile.STRINGS[:shift]
    plain = [hostile.harmless(text, i) for i, text in enumerate(texts)]
    hostile.write(tmp_path / "hostile", texts)
    hostile.write(tmp_path / "plain", plain)
    found = read(tmp_path / "hostile")
    assert nodes(found) == nodes(read(tmp_path / "plain"))
    for _, name, value in Tree(found).attributes:
        assert name != "href" or value.startswith(("#", "./rows/", "data:,"))
        assert name != "href" or ".." not in value
    for text in texts:
        assert markup.text(text).replace("\n", "") in found.replace("\n", "") or "\r" in text


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_hostile_texts_of_a_run_and_of_a_table_add_no_node(tmp_path, text):
    for name, word in (("hostile", text), ("plain", hostile.harmless(text))):
        folder = tmp_path / name
        folder.mkdir()
        config = to_json(get_config()) | {"objective": word, word: {word: word}}
        (folder / "config.json").write_text(json.dumps({"format": 2, **config}))
        metrics = {word: 1.0, f"eval/{word}": None, "nonfinite": {f"eval/{word}": word}}
        summary = {"status": "failed", "step": 2, "metrics": metrics, "labels": [word]}
        (folder / "summary.json").write_text(json.dumps(summary | {"reason": word, "log": "../x"}))
        lines = [json.dumps({"step": s, **metrics}) for s in (1, 2)]
        (folder / "metrics.jsonl").write_text("\n".join(lines))
        table = {"name": word, "command": word, "versions": {word: word}, "hardware": word}
        rows = [{"name": word, word: word, "measured": word, "differs": [word, word]}]
        rows[0] |= {"method": word, "made": {"command": word, "hardware": word}}
        (folder / "t").mkdir()
        (folder / "t" / "table.json").write_text(json.dumps(table | {"rows": rows}))
    for part in ("", "t"):
        pages = [read(tmp_path / name / part) for name in ("hostile", "plain")]
        # the folder's own name is in the title of a run
        assert nodes(pages[0].replace("hostile", "plain")) == nodes(pages[1])


def test_only_a_log_inside_the_pages_folder_is_a_link():
    assert 'href="./rows/a/log.txt"' in parts.log_link("rows/a/", "log.txt")
    assert 'href="./cohorts/b/log.txt"' in parts.log_link("rows/a/", "../../cohorts/b/log.txt")
    assert 'href="./rows/a/a%22b"' in parts.log_link("rows/a/", 'a"b')
    for name in ("../../../x", "/etc/passwd", "a\\..\\b", "x\0", "../../.."):
        assert "href" not in str(parts.log_link("rows/a/", name))
    assert parts.log_link("rows/a/", "") is None


def test_markup():
    text = markup.tag("p", "<b>", markup.tag("i", "&"), class_='"', aria_label="'", hidden=False)
    assert text == '<p class="&quot;" aria-label="&#x27;">&lt;b&gt;<i>&amp;</i></p>'
    assert markup.tag("input", hidden=True, value=None) == "<input hidden>"
    assert markup.text("a\x00b\ud800") == "a\ufffdb\ufffd"
    assert 'href="./javascript%3Ax"' in markup.link("javascript:x", "x")


def test_a_sweep_that_has_just_begun(tmp_path):
    fake_sweep.write(tmp_path, ("hinge", "wgan"), (0.0,), 2, 1000, pictures=False)
    for path in list(tmp_path.glob("rows/*/*")):
        path.unlink()
    text = read(tmp_path)
    assert "4 unfinished" in text
    assert "No row diverged or failed." in text
    for path in tmp_path.glob("rows/*"):
        path.rmdir()
    assert "4 not started" in read(tmp_path)
    fake_sweep.write_rows(tmp_path, [])
    assert "This sweep has no rows." in read(tmp_path)


def test_a_damaged_picture_is_left_out(tmp_path):
    rows = fake_sweep.write(tmp_path, ("hinge",), (0.0,), 3, 1000)
    damaged = [tmp_path / "rows" / rows[i]["id"] / "samples" for i in (0, 1)]
    next(damaged[0].glob("*.png")).write_bytes(b"\x89PNG\r\n\x1a\nno")
    picture = next(damaged[1].glob("*.png"))
    picture.write_bytes(picture.read_bytes()[:100])
    assert Tree(read(tmp_path)).count("img") == 2  # in the table, and on the film


def test_thumbnails_shrink_until_they_fit(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    paths = []
    for i in range(4):
        path = tmp_path / f"{i}.png"
        pixels = rng.integers(256, size=(300, 200, 3)).astype(np.uint8)
        path.write_bytes(png(pixels))
        paths.append(path)
    large = [len(uri) for uri in pictures.thumbnails(paths)]
    monkeypatch.setattr(pictures, "PICTURES_BYTES", sum(large) // 3)
    small = [len(uri) for uri in pictures.thumbnails([*paths, None])[:-1]]
    assert sum(small) <= sum(large) // 3
    assert min(small) > 100
    monkeypatch.setattr(pictures, "PICTURES_BYTES", 10)
    assert pictures.thumbnails(paths) == [None] * 4


def png(pixels):
    from gan_jax.evaluate.pictures.grid import png_bytes

    return png_bytes(pixels)


def data_of(text):
    """The numbers that the chart of a page is drawn from."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', text)[1])


def test_the_chart_has_every_row_and_what_it_can_be_coloured_by(sweep):
    folder, rows, text = sweep
    said = data_of(text)
    assert [row["name"] for row in said["rows"]] == [f"row {i}" for i in range(len(rows))]
    assert list(said["rows"][0]["values"]) == ["objective", "penalty.weight", "seed", "setting"]
    assert said["ordered"] == {"penalty.weight": ["0", "1"], "seed": [str(i) for i in range(8)]}
    assert said["rows"][0]["values"]["setting"] == "objective=hinge, penalty.weight=0"
    x, y = read_columns(folder / "rows" / rows[0]["id"] / "metrics.jsonl")["eval/high_quality"]
    at, values = said["rows"][0]["curves"]["eval/high_quality"]
    assert said["steps"][at] == x.tolist()
    np.testing.assert_allclose(values, y, rtol=1e-5)
    lost = [row["lost"] for row in said["rows"]]
    assert lost.count(True) == text.count("data-status=") - text.count('data-status="done"') - (
        text.count('data-status="unfinished"')
    )


def test_the_first_metric_is_the_one_that_decides_and_classes_come_last():
    names = [
        "eval/count_1",
        "acc_real",
        "eval/accuracy_real",
        "disc_loss",
        "eval/classes",
        "eval/x",
    ]
    names += ["test/classes", "eval/confidence"]
    assert gather.metrics_to_show(names, "eval/confidence") == [
        *("eval/confidence", "eval/classes", "test/classes", "disc_loss", "eval/x"),
        *("eval/count_1", "acc_real", "eval/accuracy_real"),
    ]


def test_settings_that_were_not_run_are_folded_away(tmp_path):
    rows = fake_sweep.write(tmp_path, ("hinge", "wgan"), (0.0, 1.0), 1, 1000, pictures=False)
    for path in (tmp_path / "rows" / rows[3]["id"]).glob("*"):
        path.unlink()
    (tmp_path / "rows" / rows[3]["id"]).rmdir()
    text = read(tmp_path)
    assert "1 setting has not been run" in text
    table = text[text.index('<section id="settings">') : text.index("1 setting has not")]
    assert table.count("<tr") == 1 + 3
    assert 'id="row-3"' not in text
    assert "<li>objective=wgan, penalty.weight=1</li>" in text


def test_a_sweep_that_goes_on_says_how_far_it_is(tmp_path):
    rows = fake_sweep.write(tmp_path, ("hinge",), (0.0,), 4, 1000, pictures=False)
    assert "of all steps" not in read(tmp_path)
    half = tmp_path / "rows" / rows[1]["id"]
    (half / "summary.json").unlink()
    lines = (half / "metrics.jsonl").read_text().splitlines()
    (half / "metrics.jsonl").write_text("\n".join(lines[:5]) + "\n")
    for row in rows[2:]:
        for path in (tmp_path / "rows" / row["id"]).glob("*"):
            path.unlink()
    text = read(tmp_path)
    assert "38 % of all steps are trained; 1 of 4 rows have ended" in text  # 1.5 of 4
    early = tmp_path / "rows" / rows[0]["id"]  # it diverged: nothing more of it is to come
    summary = json.loads((early / "summary.json").read_text()) | {"status": "diverged"}
    (early / "summary.json").write_text(json.dumps(summary))
    (early / "metrics.jsonl").write_text(lines[0] + "\n")
    assert "38 % of all steps" in read(tmp_path)


def test_pictures_over_steps(tmp_path):
    rows = fake_sweep.write(tmp_path, ("hinge", "wgan"), (0.0,), 2, 1000)
    folder = tmp_path / "rows" / rows[0]["id"] / "samples"
    (folder / "step_00000500.png").write_bytes((folder / "step_00001000.png").read_bytes())
    found = film.film({row["id"]: tmp_path / "rows" / row["id"] for row in rows})
    assert 'data-steps="500,1000"' in found
    assert found.count("<img") == 5
    assert found.count("hidden") == 1  # the first one's earlier picture
    assert film.film({"a": tmp_path}) is None
    one = film.film({"": tmp_path / "rows" / rows[1]["id"]})
    assert "data-steps" not in one


def test_more_runs_and_steps_than_fit_are_told(tmp_path, monkeypatch):
    picture = png(np.zeros((4, 4, 3), np.uint8))
    for run in ("a", "b", "c"):
        (tmp_path / run / "samples").mkdir(parents=True)
        for step in range(1, 8):
            (tmp_path / run / "samples" / f"step_{step:08d}.png").write_bytes(picture)
    monkeypatch.setattr(film, "MOST_RUNS", 2)
    monkeypatch.setattr(film, "MOST_PICTURES", 6)
    found = film.film({run: tmp_path / run for run in "abc"})
    assert 'data-steps="1,4,7"' in found
    assert "1 more runs and 4 more steps are not shown here" in found


def points(svg, kind):
    """The numbers of the first path of that class."""
    [path] = re.findall(rf'<path d="([^"]*)" class="{kind}"', svg)[:1]
    return [float(n) for n in re.findall(r"-?[\d.]+", path)]


def test_a_curve_rises_to_the_right():
    line = charts.Line("c0", np.array([0, 10]), np.array([1.0, 3.0]))
    svg = charts.curves("t", [line], (1.0, 3.0), "eval/x")
    assert points(svg, "line c0") == [38, charts.HEIGHT - 34, charts.WIDTH - 8, charts.TOP]
    assert ">train step<" in svg
    assert ">eval/x<" in svg


def test_a_curve_beyond_its_panel_is_drawn_at_its_edge():
    line = charts.Line("c0", np.array([0, 10]), np.array([1.0, 1e30]))
    svg = charts.curves("t", [line], (1.0, 3.0), "y")
    assert points(svg, "line c0")[-1] == charts.TOP


def test_one_point_is_a_dot():
    svg = charts.curves("t", [charts.Line("c0", np.array([5]), np.array([2.0]))], (1.0, 3.0), "y")
    assert points(svg, "dots c0")[1] == (charts.TOP + charts.HEIGHT - 34) / 2


def test_a_strip_is_on_the_scale_of_all():
    found = statistics.describe([1.0, 3.0]) | {"each": [1.0, 3.0, None]}
    svg = charts.strip(found, (1.0, 3.0))
    assert points(svg, "mean")[0] == charts.STRIP_WIDTH / 2
    assert points(svg, "dots c0 faint")[0] == 6
    assert "2 seeds from 1 to 3" in svg
    assert charts.strip(statistics.describe([]) | {"each": [None]}, (0, 1)) is None


def test_dots_against_numbers():
    few = charts.against_numbers("w", [0.0, 10.0, 0.0], [1.0, 2.0, 3.0], (1.0, 3.0), "y")
    means = re.findall(r'd="M([\d.]+) ([\d.]+)h22"', few)
    middle = (charts.TOP + charts.HEIGHT - 34) / 2
    assert [float(y) for _, y in means] == [middle, middle]
    assert float(means[0][0]) < float(means[1][0])
    many = charts.against_numbers("lr", 10.0 ** np.linspace(-4, 0, 20), range(20), (0, 19), "y")
    assert ">0.01<" in many  # a log axis
    dots = points(many, "dots c0 faint")[::3]
    np.testing.assert_allclose(np.diff(dots), np.diff(dots)[0], atol=0.11)


def test_ticks_are_round_and_inside():
    assert charts.ticks(0, 1) == pytest.approx([0, 0.5, 1])
    assert charts.ticks(-0.3, 0.9) == pytest.approx([0, 0.5])
    assert charts.ticks(0, 5000, 5) == [0, 1000, 2000, 3000, 4000, 5000]
    assert [charts.short(v) for v in (5000, 0.5, 0, 2.5e-4, 3e6)] == [
        "5k",
        "0.5",
        "0",
        "0.00025",
        "3e6",
    ]


@pytest.mark.parametrize("values", [[], [np.nan], [0, 0], [5], [1e308, -1e308], [1e-300]])
def test_a_range_is_never_empty(values):
    for margin in (0, 0.05):
        low, high = charts.span(values, margin)
        assert low < high
        assert np.isfinite([low, high]).all()
        assert charts.ticks(low, high)


def test_decimals_align_a_column():
    assert parts.decimals([0.5, 0.25, None]) == 4
    assert parts.decimals([12.5, 0.25]) == 2
    assert parts.decimals([8, 7.0, True, "x"]) == 0
    assert parts.decimals([]) == 0
    assert parts.decimals([1e-9]) is parts.decimals([1.5, 1e7]) is None


def test_the_config_is_shown_beside_its_defaults(sweep):
    text = sweep[2]
    table = text[text.index('<section id="config">') :]
    line = re.search(r"<code>penalty.weight</code></td>(.*?)</tr>", table)[1]
    assert "<td>0</td><td>0, 1</td>" in line
    assert "varied" in line
    line = re.search(r"<code>data.name</code></td>(.*?)</tr>", table)[1]
    assert line.startswith("<td>mnist5k</td><td>ring</td>")
    assert "<code>batch_size</code>" not in table  # as by default
    assert "batch_size = 64" in table


def make_run(folder, lines=(), summary=None, **leaves):
    folder.mkdir(exist_ok=True)
    config = to_json(get_config()) | leaves
    (folder / "config.json").write_text(json.dumps({"format": 2, **config}))
    if lines:
        (folder / "metrics.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    if summary:
        (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_a_page_of_a_run(tmp_path):
    lines = [{"step": s, "disc_loss": 1 / s, "gen_loss": s, "eval/ks": 0.5} for s in (1, 2, 3)]
    metrics = {"eval/ks": 0.125, "disc_loss": None, "nonfinite": {"disc_loss": "nan"}}
    summary = {"status": "diverged", "step": 3, "metrics": metrics, "labels": ["collapse"]}
    summary["findings"] = [{"label": "collapse", "step": 2, "evidence": "one <mode>"}]
    folder = make_run(tmp_path / "r", lines, summary | {"seconds": 2.5, "reason": "why"}, steps=9)
    fake_sweep.write_picture(folder / "samples", 3, 0.9, np.random.default_rng(0))
    text = read(folder)
    tree = Tree(text)
    assert tree.count("img") == 1
    assert (
        tree.count("figure") == 1 + 2 + 3
    )  # samples; the losses share one; three of the objective
    assert 'href="./samples/progress.gif"' in text
    for said in ("diverged", "collapse", "step 3 of 9", "2.5 s", ">why<", ">nan<", ">0.125<"):
        assert said in text
    assert "samples at step 3" in text
    assert "largest gap between the distribution functions" in text
    assert text.count("collapse, step 2: one &lt;mode&gt;") == 2  # in words, and under the pointer


def test_a_long_run_is_told_in_whole_steps_and_seconds(tmp_path):
    summary = {"status": "done", "step": 12345, "metrics": {}, "labels": [], "findings": []}
    text = read(make_run(tmp_path / "r", [], summary | {"seconds": 54321.987}, steps=100000))
    for said in ("step 12345 of 100000", "54322 s"):
        assert said in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (9999, "9999"), (10000, "10000"), (-12345.0, "-12345"), (3, "3")),
        *((10**14 + 1, "100000000000001"), (10**15, "1e+15"), (1e20, "1e+20")),
        *((12345.6, "12346"), (1234.56, "1235"), (3.2e6 + 0.5, "3.2e+06"), (0.5, "0.5")),
        *((float("nan"), "nan"), (float("-inf"), "-inf"), (None, "-")),
    ],
)
def test_a_number_is_whole_where_it_can_be(value, text):
    assert number(value) == text


def test_a_page_of_a_run_says_where_it_comes_from(tmp_path):
    folder = make_run(tmp_path / "r")
    made = {"command": "gan-jax train <b>", "versions": {"jax": "1.2"}, "hardware": "a <laptop>"}
    (folder / "made_with.json").write_text(json.dumps(made))
    text = read(folder)
    for said in ("gan-jax train &lt;b&gt;", "<dt>jax</dt><dd>1.2</dd>", "a &lt;laptop&gt;"):
        assert said in text
    for broken in ("{", "[]", '{"versions": 3}'):
        (folder / "made_with.json").write_text(broken)
        assert "not recorded" in read(folder)


def test_a_page_of_a_run_tells_classes_by_their_names(tmp_path):
    lines = [{"step": s, "eval/count_0": 3 * s, "eval/count_1": s} for s in (1, 2)]
    metrics = {"eval/count_0": 6, "eval/intra_spread_1": 0.5, "eval/ms_ssim_1": 0.25}
    summary = {"status": "done", "step": 2, "metrics": metrics, "labels": [], "findings": []}
    config = to_json(get_config())
    config["gen"]["condition"] = "norm"
    folder = make_run(tmp_path / "r", lines, summary, gen=config["gen"])
    fake_sweep.write_picture(folder / "samples", 2, 0.9, np.random.default_rng(0))
    (folder / "made_with.json").write_text(json.dumps({"classes": ["<b>cats", "dogs"]}))
    text = read(folder)
    tree = Tree(text)
    assert tree.count("b") == 0
    assert "each class: &lt;b&gt;cats, dogs." in text
    assert "<td>0<small> &lt;b&gt;cats</small></td>" in text
    assert "<td>1<small> dogs</small></td>" in text
    assert "<td>ms_ssim_1</td>" in text
    assert {"<b>cats", "dogs"} <= {*tree.texts}  # in the legend
    (folder / "made_with.json").write_text(json.dumps({"classes": 3}))
    assert "cats" not in read(folder)


def test_a_run_without_anything_yet(tmp_path):
    text = read(make_run(tmp_path / "r"))
    for said in ("unfinished", "No samples yet.", "No numbers yet.", "No curves yet."):
        assert said in text
    lines = [
        {"step": 1, "x": None, "nonfinite": {"x": "-inf"}, "y": 2.0, "z": None},
        {"step": 2, "z": None, "nonfinite": {"z": "inf"}, "x": 3.0},
    ]
    text = read(make_run(tmp_path / "r", lines))
    assert "its latest numbers" in text
    assert ">inf<" in text
    assert ">2<" in text
    assert ">3<" in text
    assert ">-inf<" not in text


def test_what_belongs_together_shares_a_panel():
    names = ["eval/ks", "eval/a", "eval/a_real", "d_real", "eval/b_real", "eval/count_1", "x"]
    names += ["test/a", "test/count_1"]  # one point each; b_real is one value
    names += ["eval/label_accuracy", "eval/label_accuracy_1", "eval/label_accuracy_0"]
    halves = {
        panel.title for panel in panels(["d_real", "acc_real", *names]) if panel.meets_at_half
    }
    assert halves == {"mean D", "accuracy of disc"}  # chance is no half among ten classes
    assert {panel.title for panel in panels(names) if panel.is_share} == {
        "mean D",
        "eval/label_accuracy",
        "label accuracy of each class",
    }
    assert {panel.title: panel.lines for panel in panels(names)} == {
        "mean D": {"d_real": "on reals"},
        "samples of each class": {"eval/count_1": "1"},
        "label accuracy of each class": {
            "eval/label_accuracy_0": "0",
            "eval/label_accuracy_1": "1",
        },
        "eval/label_accuracy": {"eval/label_accuracy": "on samples"},
        "eval/a": {"eval/a": "on samples", "eval/a_real": "on reals"},
        "eval/ks": {"eval/ks": "on samples"},
        "x": {"x": "on samples"},
    }


@pytest.mark.parametrize("name", ["gaussian1d", "dirac"])
def test_a_page_of_a_reproduced_table(tmp_path, name):
    (tmp_path / "table.json").write_bytes((readme.RESULTS / f"{name}.json").read_bytes())
    made = json.loads((tmp_path / "table.json").read_text())
    text = read(tmp_path)
    assert "stopped before its end" not in text
    (tmp_path / "table.json").write_text(json.dumps(made | {"stopped": True, "seconds": 12345.6}))
    text = read(tmp_path)
    assert "3.4 hours" in text
    assert "stopped before its end" in text
    tree = Tree(text)
    assert tree.count("tr") == len(made["rows"]) + 1
    assert made["command"] in text
    if name == "dirac":
        assert "1.0000 - 0.1000i, 1.0000 + 0.1000i" in text
    else:
        assert "not comparable" in text
        assert "each" not in re.findall(r"<th[^>]*>(.*?)</th>", text)


def test_what_differs_is_said_once_and_by_number_in_the_rows(tmp_path):
    rows = [{"name": "a", "differs": ["x<y", "z"]}, {"name": "b", "differs": ["z"]}, {"name": "c"}]
    (tmp_path / "table.json").write_text(json.dumps({"name": "t", "rows": rows}))
    text = read(tmp_path)
    assert re.findall(r"<li>(.*?)</li>", text) == ["x&lt;y", "z"]
    found = re.findall(r"<td[^>]*>(.*?)</td>", text)
    assert found == ["a", "1, 2", "b", "2", "c", "-"]


def test_rows_that_others_made_and_means_over_fewer_seeds_say_so(tmp_path):
    row = {"name": "a: x", "method": "a<b", "seeds": 2, "measured": 1.0, "each": [1.0, None]}
    made = {"command": "c<d", "hardware": "abacus", "seconds": 1, "versions": {}}
    rows = [row | {"made": made}, row | {"name": "a: y", "each": [1.0, 1.0], "made": made}, row]
    (tmp_path / "table.json").write_text(json.dumps({"name": "t", "rows": rows}))
    text = read(tmp_path)
    assert text.count("Recorded before, by c&lt;d on abacus: a&lt;b.") == 1
    assert re.findall(r"<td[^>]*>(1[^<]*)</td>", text) == ["1 (n = 1)", "1", "1 (n = 1)"]
    assert "method" not in re.findall(r"<th[^>]*>(.*?)</th>", text)
    for odd in ({"seeds": None}, {"each": 7}, {"made": 7}):
        (tmp_path / "table.json").write_text(json.dumps({"name": "t", "rows": [row | odd]}))
        read(tmp_path)


def test_the_verb(tmp_path, capsys):
    assert main.main(["report", "--workdir", str(make_run(tmp_path / "r"))]) == 0
    assert capsys.readouterr().out == f"look at {tmp_path / 'r' / 'report.html'}\n"
    for name in ("r/samples", "empty"):
        (tmp_path / name).mkdir()
        assert main.main(["report", "--workdir", str(tmp_path / name)]) == 78
        error = capsys.readouterr().err
        assert error.startswith("gan-jax: nothing to report in '")
        assert error.count("\n") == 1
    (tmp_path / "empty" / "table.json").write_text("{")
    assert main.main(["report", "--workdir", str(tmp_path / "empty")]) == 78
    (tmp_path / "r" / "report.html").unlink()
    (tmp_path / "r" / "report.html").mkdir()
    assert main.main(["report", "--workdir", str(tmp_path / "r")]) == 74


def test_runs_side_by_side(tmp_path, capsys):
    for name, seed, ks in (("a", 0, 0.5), ("b", 1, 0.25)):
        lines = [{"step": s, "eval/ks": ks, "disc_loss": 1.0} for s in (1, 2)]
        summary = {"status": "done", "step": 2, "metrics": {"eval/ks": ks}, "labels": ["<i>"]}
        folder = make_run(tmp_path / name, lines, summary, seed=seed, objective=f"{name}<b>")
        fake_sweep.write_picture(folder / "samples", 2, 0.9, np.random.default_rng(0))
    folders = [str(tmp_path / name) for name in "ab"]
    words = [word for folder in folders for word in ("--workdir", folder)]
    assert main.main(["report", *words]) == 0
    assert capsys.readouterr().out == f"look at {tmp_path / 'a' / 'report.html'}\n"
    text = (tmp_path / "a" / "report.html").read_text()
    tree = Tree(text)
    assert (tree.count("b"), tree.count("i"), tree.count("img")) == (0, 0, 2)
    said = data_of(text)
    assert [row["name"] for row in said["rows"]] == ["a", "b"]
    assert list(said["rows"][0]["values"]) == ["run", "objective", "seed"]
    assert "nothing separates the two (they share one seed or none); b has" in text
    assert "gan-jax report --workdir" in text
    assert "<td>b&lt;b&gt;</td>" in text


def test_only_single_runs_that_differ_are_compared(tmp_path, capsys):
    one = str(make_run(tmp_path / "r"))
    for other, says in ((tmp_path, "holds no single run"), (one, "names one run twice")):
        assert main.main(["report", "--workdir", one, "--workdir", str(other)]) == 78
        assert says in capsys.readouterr().err


def test_runs_are_called_by_as_much_of_their_paths_as_it_takes(tmp_path):
    folders = [tmp_path / "x" / "run", tmp_path / "y" / "run"]
    assert compare.names_of(folders) == ["x/run", "y/run"]
    assert compare.names_of(folders[:1]) == ["run"]


def test_the_numbers_of_a_part_stand_beside_each_other(tmp_path):
    metrics = {"eval/confidence": 0.5, "test/confidence": 0.25, "eval/confidence_real": 0.75}
    metrics |= {"watch/variety": 0.125, "disc_loss": 1.5}
    summary = {"status": "done", "step": 2, "metrics": metrics, "labels": []}
    text = read(make_run(tmp_path / "r", [], summary))
    found = re.findall(r"<td[^>]*>(.*?)</td>", text[: text.index("Training and diagnosis")])
    assert found[-5:-1] == ["confidence", "0.5", "0.25", "0.75"]
    assert "two samples are alike eight times as often" in text


def test_every_number_of_diagnosis_is_explained():
    config = tiny.config(data__name="digits")
    setup = make_setup(config)
    state = jax.eval_shape(lambda: init_state(config, jax.random.key(0)))
    shown = make_shown(setup, setup.examples())
    for name in jax.eval_shape(make_signals(setup), state, hypers(config), shown):
        assert explain(name) not in ("", SAYS["watch/*"]), name
    for name in ("disc_loss", "gen_loss", "d_real", "acc_fake", "eval/frechet_x", "eval/ks_real"):
        assert explain(name)
    assert explain("eval/<b>") == ""


def test_a_tables_list_of_numbers_has_four_digits_each():
    cell = str(table_page._cell({"sigma": [0.21544346900318834, 0.1]}, "sigma"))
    assert "0.2154" in cell
    assert "0.21544" not in cell


def emoji_config(seed, **data):
    config = get_config()
    config.seed, config.data.name = seed, "emoji"
    config.data.args.update(data)
    return config


def test_whoever_drew_the_data_is_named_under_pictures(tmp_path):
    """Of a run, of a sweep's rows, of a table; and nobody under those of anonymous data."""
    configs = [emoji_config(0), emoji_config(1, style="twitter"), get_config()]
    rows = [fake_sweep.make_row(i, c) | {"quality": 0.5} for i, c in enumerate(configs)]
    fake_sweep.write_rows(tmp_path, rows)
    for row in rows:
        folder = tmp_path / "rows" / row["id"]
        fake_sweep.write_run(folder, row, np.random.default_rng(0), 1000)
    names = [re.escape(emoji_file.CREDITS[style]) for style in ("google", "twitter")]
    pages = [read(tmp_path / "rows" / row["id"]) for row in rows] + [read(tmp_path)]
    told = [[len(re.findall(f"by {name}", page)) for name in names] for page in pages]
    assert told == [[1, 0], [0, 1], [0, 0], [1, 1]]
    table = {"name": "translation", "rows": [], "credit": "Drawings by somebody."}
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "table.json").write_text(json.dumps(table))
    picture = next(tmp_path.glob("rows/*/samples/*.png"))
    (tmp_path / "t" / "picture.png").write_bytes(picture.read_bytes())
    assert "Drawings by somebody." in read(tmp_path / "t")


@pytest.mark.parametrize("data", [None, 3, {}, {"name": "none"}, {"name": [], "args": {}}])
def test_a_page_of_data_that_are_not_known_here_names_nobody(data):
    assert credit_of({"data": data}) == ""
    assert credit_of({"data": {"name": "emoji", "args": {"style": "none"}}}) == ""
    assert credit_of({"data": {"name": "emoji", "args": {"none": "none"}}}) == ""
