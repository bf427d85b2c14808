"""Texts that have broken out of HTML somewhere, for names, values and errors of a sweep."""

import json

import fake_sweep

from gan_jax.config import get_config, to_json

STRINGS = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror=window.hacked=1>",
    '"><img src=x onerror=window.hacked=1>',
    "'><svg onload=window.hacked=1>",
    "</td></tr></table><h1>out</h1>",
    "</title><b>",
    "</style><b>",
    "</svg><b>",
    "</text></svg><foreignObject><b>",
    "</option></select><b>",
    "</code></pre><b>",
    "</summary></details><b>",
    "<!-- ",
    "-->",
    "<!--><script>window.hacked = 1</script>",
    "<![CDATA[<b>]]>",
    "<?php echo 1 ?>",
    "<!doctype x>",
    "<base href=//example.com>",
    "<meta http-equiv=refresh content=0>",
    "<link rel=stylesheet href=//example.com>",
    "<iframe srcdoc='<b>'>",
    "<style>* { display: none }</style>",
    '" onmouseover="window.hacked=1',
    "' onfocus='window.hacked=1' autofocus '",
    "` onclick=`window.hacked=1",
    "x y=z/>",
    "javascript:window.hacked=1",
    "data:text/html,<script>window.hacked=1</script>",
    "&lt;b&gt;",
    "&#60;b&#62;",
    "&",
    "\\u003cb\\u003e",
    "<\x00script>window.hacked = 1</script>",
    "\ud800<b>\udfff",
    "\u202e<b>\u2066",
    "a\r\n<b>\tc\x0b\x0c\x1b[31m",
    "{{7*7}}${7*7}<%= 7 %>",
    "<b" * 200,
)


def harmless(text, i=""):
    """A plain text that is sorted like it, and has a / where it has one."""
    first = text[0] if text[0].isascii() and text[0].isalnum() else "!"
    return f"{first}plain{i}{'/' * ('/' in text)}"


def write(folder, texts):
    """Forty settings whose every text is one of the forty."""
    rows = []
    for i, text in enumerate(texts):
        config = to_json(get_config()) | {"objective": text, f"extra{i}": 1}
        config["penalty"]["name"] = texts[i % 3]
        values = {"objective": text, "penalty.name": texts[i % 3], "seed": 0}
        name = f"row{i}" if "/" in text or "\\" in text or "\0" in text else text[:80]
        name = name.encode(errors="replace").decode()
        rows.append({"id": name, "index": i, "values": values, "config": config})
        status = ("done", "failed", "diverged")[i % 3]
        summary = {
            "status": status,
            "step": 1,
            "metrics": {
                "eval/modes": i,
                f"eval/{i // 10}{texts[i // 10]}": i,
                f"test/{texts[3]}": 2,
            }
            | ({"eval/ks": None, "nonfinite": {"eval/ks": text}} if i % 5 else {}),
            "labels": [text, text],
            "findings": [{"label": text, "step": text, "evidence": text}, text],
            "reason": text,
            "log": text,
            "seconds": 1.0,
        }
        path = folder / "rows" / name
        (path / "samples").mkdir(parents=True)
        (path / "summary.json").write_text(json.dumps(summary))
        lines = [{"step": s, **summary["metrics"]} for s in (1, 2, 3)]
        (path / "metrics.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    fake_sweep.write_rows(
        folder,
        rows,
        varied=["objective", "penalty.name", "seed"],
        name=texts[0],
        command=texts[1],
        config=texts[2],
        hardware=texts[3],
        versions={f"{i}{text}": text for i, text in enumerate(texts)},
        cohorts=[{"rows": [], "how": text, "chunk": text, "why": text} for text in texts],
    )
