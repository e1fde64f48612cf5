"""How `make lab` opens the notebooks: jupyterlab --config=book/jupyter_lab_config.py."""

import platform
from pathlib import Path

from jupyter_server.services.contents.largefilemanager import LargeFileManager


class Notebooks(LargeFileManager):
    """Files as they are, but for the version of Python, which notebooks leave out.

    JupyterLab writes it into each notebook that it opens, which then counts as changed. So it is told beforehand, and
    not stored.
    """

    def get(self, path, content=True, *args, **options):
        model = super().get(path, content, *args, **options)
        if content and model["type"] == "notebook":
            language = model["content"].metadata.get("language_info", {})
            if language.get("name") == "python":
                language["version"] = platform.python_version()
        return model

    def save(self, model, path=""):
        if model.get("type") == "notebook" and "content" in model:
            model["content"]["metadata"].get("language_info", {}).pop("version", None)
        return super().save(model, path)


c = get_config()  # noqa: F821
c.ServerApp.contents_manager_class = Notebooks
c.LabApp.default_url = "/lab/tree/notebooks"
# With the book's style sheet, which keeps the state of widgets visible with forced colours.
c.LabApp.custom_css = True
c.ServerApp.tornado_settings = {"static_custom_path": [str(Path(__file__).resolve().with_name("_static"))]}
