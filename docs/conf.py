"""The site: the pages, and the API from docstrings. `make docs`."""

project = "gan_jax"
extensions = ["myst_parser", "autodoc2"]
html_theme, html_title = "furo", "gan_jax"
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs/**",
    "tests/README.md",
    "experiments/results/README.md",
]
myst_heading_anchors = 3
myst_enable_extensions = ["html_image"]
autodoc2_packages = ["gan_jax"]
autodoc2_output_dir = "docs/apidocs"
autodoc2_hidden_objects = {"inherited", "private", "dunder"}
autodoc2_docstring_parser_regexes = [(".*", "myst")]
