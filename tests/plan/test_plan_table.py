"""A plan's figures: cycles from a compiled program's text, and the table in words."""

from gan_jax.plan import schedule, table

TEXT = """HloModule jit_train_many, is_scheduled=true

%fused (p: f32[4]) -> f32[4] {
  ROOT %neg = f32[4] negate(%p)
}

%inner_body (p: (s32[], f32[4])) -> (s32[], f32[4]) {
  %a = f32[4] fusion(%p), calls=%fused, backend_config={"estimated_cycles":"7"}
}

%inner_cond (p: (s32[], f32[4])) -> pred[] {
  %five = s32[]{:T(128)} constant(5)
  ROOT %lt = pred[] compare(%i, %five), direction=LT
}

%seldom (p: f32[4]) -> f32[4] {
  ROOT %b = f32[4] fusion(%p), calls=%fused, backend_config={"estimated_cycles":"90"}
}

%often (p: f32[4]) -> f32[4] {
  ROOT %c = f32[4] fusion(%p), calls=%fused, backend_config={"estimated_cycles":"10"}
}

%step_body (p: (s32[], s32[], f32[4])) -> (s32[], s32[], f32[4]) {
  %d = f32[4] fusion(%p), calls=%fused, backend_config={"estimated_cycles":"100"}
  %w = (s32[], f32[4]) while(%d), condition=%inner_cond, body=%inner_body
  %e = f32[4] conditional(%d), branch_computations={%often, %seldom}
}

%step_cond (p: (s32[], s32[], f32[4])) -> pred[] {
  ROOT %lt2 = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (x: f32[4], n: s32[]) -> f32[4] {
  %f = f32[4] fusion(%x), calls=%fused, backend_config={"estimated_cycles":"1000"}
  %steps = (s32[], s32[], f32[4]) while(%f), condition=%step_cond, body=%step_body
}
"""


def test_cycles_of_a_step_and_around_it():
    assert schedule.cycles(TEXT) == schedule.Cycles(100 + 5 * 7 + 90, 1000, (5,))


SUMS = """
  %all-reduce.1 = (f32[784,100]{1,0:T(8,128)}, /*index=1*/bf16[10]{0}, f32[]) all-reduce(%a, %b)
  %collective-permute-start.2 = (f32[16]{0}, f32[16]{0}) collective-permute-start(%d)
  %get-tuple-element.3 = f32[784,100]{1,0} get-tuple-element(%all-reduce.1), index=0
"""


def test_bytes_that_a_step_sums_over_chips():
    inside = TEXT.replace(
        "%step_body (p: (s32[], s32[], f32[4])) -> (s32[], s32[], f32[4]) {", "{0}{1}"
    )
    first = "%step_body (p: (s32[], s32[], f32[4])) -> (s32[], s32[], f32[4]) {"
    text = inside.replace("{0}", first).replace("{1}", SUMS.rstrip())
    assert schedule.collective_bytes(text) == 4 * 784 * 100 + 2 * 10 + 4 + 4 * 16
    assert schedule.collective_bytes(TEXT) == 0


def test_no_estimate_is_none():
    assert schedule.cycles(TEXT.replace("estimated_cycles", "cycles")) is None
    assert schedule.cycles("HloModule jit_f") is None


# The table

COHORT = {
    "id": "abc",
    "rows": 288,
    "chips": 144,
    "steps": 5000,
    "fits": True,
    "argument_bytes": 3 * 2**20,
    "output_bytes": 2**20,
    "temporary_bytes": 1536,
    "total_bytes": 4 * 2**30,
    "flops": 2.5e9,
    "bytes_accessed": 5e8,
    "optimal_seconds": 3e-5,
    "step_seconds": 4e-5,
    "run_seconds": 0.2,
    "loops": [],
    "compile_seconds": 12.34,
}
PLAN = {
    "command": "gan-jax plan",
    "versions": {"jax": "0.10.2", "libtpu": "0.0.42.1"},
    "hardware": "a laptop",
    "topology": "v5e:16x16",
    "chips": 256,
    "hosts": 64,
    "hbm_bytes": 2**34,
    "cohorts": [COHORT],
}


def test_the_table_says_what_is_there():
    head, row, *notes = table.to_lines(PLAN)
    assert len(head) == len(row)
    cells = dict(zip(table.HEAD, [cell.strip() for cell in row.split("  ") if cell], strict=True))
    assert cells == {
        "cohort": "abc",
        "rows": "288",
        "rows a chip": "2",
        "arguments": "3 MiB",
        "outputs": "1 MiB",
        "temporaries": "1.5 KiB",
        "of its HBM": "4 GiB of 16 GiB",
        "FLOPs": "2.5 G",
        "bytes": "477 MiB",
        "FLOPs a byte": "5",
        "summed over chips": "0 B",
        "of it a step's": "-",
        "at peak": "30 us",
        "a step": "40 us",
        "images/s": "-",
        "in all": "200 ms",
        "compiled in": "12.3 s",
    }
    assert "the compiler's estimate: 40 us a step, 200 ms for 5000 steps" in notes[1]
    assert "288 rows, 2 a chip, fill 144 chips" in notes[2]
    assert "share" in notes[3]
    assert len(notes) == 4
    markdown = table.to_markdown(PLAN)
    assert "| 4 GiB of 16 GiB |" in markdown
    assert (
        "`gan-jax plan`, compiled on a laptop with jax 0.10.2 and libtpu 0.0.42.1: a chip's"
        in markdown
    )


def test_a_chip_has_a_place_for_each_of_its_rows():
    """17 rows on 8 chips are three a chip, some of them copies."""
    _, row, *_ = table.to_lines(PLAN | {"cohorts": [COHORT | {"rows": 17, "chips": 8}]})
    assert row.split()[:3] == ["abc", "17", "3"]


def test_a_run_that_leaves_chips_idle_says_so():
    run = COHORT | {"id": "run", "rows": 1, "chips": 1, "batch_size": 512}
    run |= {"collective_bytes": 4 * 2**20, "collective_seconds": 1e-5}
    said = table.to_lines(PLAN | {"cohorts": [run]})
    assert "the run trains on one of them, unless with --config.devices=0" in said
    all_of_them = list(table.to_lines(PLAN | {"cohorts": [run | {"chips": 256}], "price": 1.2}))
    assert not any("of them" in line for line in all_of_them)
    assert any("take 25% of a step" in line for line in all_of_them)
    assert "run: 0.02 at 1.2 for a chip's hour" in all_of_them  # 256 chips, .2 s
    assert "12,800,000" in all_of_them[1]  # images a second
    assert "4 MiB" in all_of_them[1]


def test_what_does_not_fit_or_is_counted_once_is_said():
    large = {"id": "big", "rows": 4, "chips": 4, "steps": 10, "fits": False, "error": "used 40G"}
    odd = COHORT | {
        "optimal_seconds": -5.9,
        "fits": False,
        "loops": [20, 5],
        "step_seconds": None,
        "run_seconds": None,
    }
    lines = list(table.to_lines(PLAN | {"cohorts": [odd, large]}))
    assert len({len(line) for line in lines[:3]}) == 1
    assert "4 GiB of 16 GiB: does not fit" in lines[1]
    assert lines[1].split()[-5:-2] == ["-", "-", "-"]
    assert "does not fit" in lines[2]
    notes = "\n".join(lines[3:])
    assert "none for 2 of 2" in notes
    assert "loops inside a step, 20 times and 5 times, count once" in notes
    assert "cohort big does not fit: used 40G" in notes


def test_cohorts_train_in_turn():
    lines = "\n".join(table.to_lines(PLAN | {"cohorts": [COHORT, COHORT | {"run_seconds": 2.8}]}))
    assert "the compiler's estimate: 3 s for 2 cohorts in turn" in lines
