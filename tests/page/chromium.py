"""A headless Chromium, driven by its DevTools protocol through two pipes; nothing but Python's own library is needed."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium():
    """Path of the program; None if there is none, or what is there does not start."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Chromium:
    """One browser with one page. Everything that the page asks for, logs or throws is kept."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="kvcompare-chromium-")
        to_read, self.to = os.pipe()
        self.source, to_write = os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
                 "--disable-background-networking", "--hide-scrollbars", "--force-color-profile=srgb",
                 f"--user-data-dir={self.folder.name}/profile", "--remote-debugging-pipe"]
        # Chromium reads commands from descriptor 3 and answers on 4. sh puts the pipes there, whatever their numbers are.
        shell = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        self.log = open(f"{self.folder.name}/log", "wb")
        self.process = subprocess.Popen(["bash", "-c", shell, program, *flags, "about:blank"], pass_fds=(to_read, to_write),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
                                        env={**os.environ, "HOME": self.folder.name})
        os.close(to_read)
        os.close(to_write)
        self.buffer, self.last, self.session = b"", 0, None
        self.requests, self.console, self.loaded = [], [], 0
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        try:
            session, self.session = self.session, None
            self.call("Browser.close")
            del session
            self.process.wait(20)
        except (OSError, EOFError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        for end in (self.to, self.source):
            os.close(end)
        self.log.close()
        self.folder.cleanup()

    # ---- protocol

    def call(self, method, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        while True:
            answer = self.next_message()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def next_message(self, timeout=120):
        deadline = time.monotonic() + timeout
        while b"\0" not in self.buffer:
            if not select.select([self.source], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            more = os.read(self.source, 1 << 20)
            if not more:
                raise EOFError("Chromium ended: " + Path(self.log.name).read_text(errors="replace")[-2000:])
            self.buffer += more
        text, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(text)
        self.note(message)
        return message

    def note(self, message):
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.console.append(f"{parameters['type']}: {[a.get('value', a.get('description')) for a in parameters['args']]}")
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.console.append("exception: " + details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded":
            self.console.append(f"{parameters['entry']['level']}: {parameters['entry']['text']}")
        elif method == "Page.loadEventFired":
            self.loaded += 1
        elif method == "Page.javascriptDialogOpening":
            self.console.append(f"dialog: {parameters['message']}")
            self.last += 1
            os.write(self.to, json.dumps({"id": self.last, "sessionId": self.session, "method": "Page.handleJavaScriptDialog",
                                          "params": {"accept": True}}).encode() + b"\0")

    # ---- the page

    def size(self, width, height=900, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def prefer(self, scheme, media=""):
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, file):
        """Seconds until the page is loaded and two frames of it are painted."""
        self.requests.clear()
        self.console.clear()
        loaded, began = self.loaded, time.monotonic()
        self.call("Page.navigate", url=Path(file).resolve().as_uri())
        while self.loaded == loaded:
            self.next_message()
        self.settle()
        return time.monotonic() - began

    def evaluate(self, script):
        """The value of an expression; of a promise, what it comes to."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"].get("description", "") + "\nin " + script)
        return done["result"].get("value")

    def settle(self):
        """Until two frames are painted, so that observers have been called and have drawn."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(1)))))")

    def wait_for(self, expression, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({expression})"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {seconds} s")
            self.settle()

    def wait_for_files(self, folder, names, seconds=60):
        deadline = time.monotonic() + seconds
        while not set(names) <= {file.name for file in Path(folder).iterdir()}:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{folder} holds {os.listdir(folder)}, not {names}")
            self.settle()

    def press(self, key, code, text=None):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      **({"text": text} if text and kind == "keyDown" else {}))

    def screenshot(self, file, whole=True):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(file).write_bytes(base64.b64decode(picture["data"]))

    def print_to(self, file):
        paper = self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        Path(file).write_bytes(base64.b64decode(paper["data"]))

    def downloads_into(self, folder):
        session, self.session = self.session, None
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self.session = session
