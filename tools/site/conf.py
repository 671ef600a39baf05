"""Sphinx's configuration of the documentation site."""

from __future__ import annotations

from access_policy import __version__

project = "access_policy"
release = version = __version__
html_title = "access_policy"
language = "en"

extensions = [
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "tools.site.accessible",
    "tools.site.diagrams",
    "tools.site.screenshots",
]
myst_enable_extensions = ["colon_fence", "attrs_inline"]
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid", "screenshot"]
nitpicky = True
exclude_patterns = ["**/*.json"]
highlight_language = "text"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_permalinks_icon = "#"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_exclude = ".linenos, .gp, .go"
html_theme_options = {
    "footer_icons": [],
    "light_css_variables": {
        "color-brand-primary": "#0b6b67",
        "color-brand-content": "#0b6b67",
        "color-brand-visited": "#24506e",
    },
    "dark_css_variables": {
        "color-brand-primary": "#58c4bd",
        "color-brand-content": "#58c4bd",
        "color-brand-visited": "#8db9d8",
    },
}
