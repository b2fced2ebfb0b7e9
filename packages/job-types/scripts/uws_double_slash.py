"""Extension of Jupyter Notebook 6: opens /tree//<file>.

Portals add "/tree/" and a path that begins with a slash to the address of a session. JupyterLab and Notebook 7 take the two slashes, Notebook 6 answers 404.
"""
import os
import re

from tornado.web import RequestHandler

# The directory of this file was on the path for this import only; kernels must not inherit it.
_own = os.path.dirname(os.path.abspath(__file__))
_rest = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != _own]
os.environ.pop("PYTHONPATH", None)
if _rest:
    os.environ["PYTHONPATH"] = os.pathsep.join(_rest)


class DoubleSlashHandler(RequestHandler):
    """Sends the browser to the same address with one slash; whoever serves that checks the token."""

    def get(self):
        path = re.sub("//+", "/", self.request.path)
        self.redirect(path + ("?" + self.request.query if self.request.query else ""))


def load_jupyter_server_extension(app):
    pattern = re.escape(app.web_app.settings["base_url"].rstrip("/")) + r"/tree//.*"
    app.web_app.add_handlers(".*$", [(pattern, DoubleSlashHandler)])
