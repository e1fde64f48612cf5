"""What the widgets of a page hold, their pictures above all, lies beside the page, and is fetched when one comes near.

It is most of a page with explorers, a megabyte and more. Beside the page it is a script, since a page that is opened
from disk may load scripts, and no data. The page's place for it names the script, and `widgets.js` runs that.
"""

import hashlib
import json
import os
import re
import runpy
from pathlib import Path

lean = runpy.run_path(str(Path(__file__).resolve().parents[1] / "widget_models.py"))["lean"]
STATE = re.compile(r'<script[^>]*type="application/vnd\.jupyter\.widget-state\+json"[^>]*>(.*?)</script>', re.DOTALL)
SCRIPT = """\
document.head.append(Object.assign(document.createElement("script"), {
  type: "application/vnd.jupyter.widget-state+json", className: "nohighlight", textContent: JSON.stringify(%s) }));
"""


def move_states(app, error):
    if error or app.builder.format != "html":
        return
    for page in sorted((Path(app.outdir) / "notebooks").rglob("*.html")):
        html = page.read_text(encoding="utf-8")
        if found := STATE.search(html):
            state = json.loads(found[1])
            state["state"] = lean(state["state"])
            script = page.with_suffix(".widgets.js")
            text = SCRIPT % json.dumps(state, ensure_ascii=False, separators=(",", ":"))
            script.write_text(text, encoding="utf-8")
            # A browser that kept an earlier script of this name must not take it for this one.
            address = f"{script.name}?v={hashlib.sha256(text.encode()).hexdigest()[:8]}"
            place = f'<script type="text/when-needed" class="widget-state" src="{address}"></script>'
            new = page.with_suffix(".new")  # the file may be the old site's too: that one stays as it is
            new.write_text(html[: found.start()] + place + html[found.end() :], encoding="utf-8")
            os.replace(new, page)


def setup(app):
    app.connect("build-finished", move_states, priority=400)  # before the policies
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
