"""The lab's own commands to a cloud that runs."""

from __future__ import annotations

import json
import ssl
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from lab.cloud.home import CloudFiles
from lab.errors import LabError
from lab.ports import LOOPBACK

TIMEOUT_S: Final = 30


def administer(files: CloudFiles, what: str, method: str = "GET", told: Any = None) -> Any:
    """Ask a stack's cloud for something below /lab/ and return what it says.

    Raises:
        LabError: it does not run, or it refuses; the text has its words.
    """
    stack = files.state.stack
    if files.process.pid() is None:
        msg = f"the cloud of stack {stack} does not run: `python -m lab cloud up --stack {stack}`"
        raise LabError(msg)
    trusted = ssl.create_default_context(cafile=files.certificate().authority)
    # Without a proxy, which has no business on this machine.
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=trusted))
    request = Request(
        f"https://{LOOPBACK}:{files.port()}/lab/{what}",
        data=json.dumps(told or {}).encode() if method != "GET" else None,
        headers={"Authorization": f"Bearer {files.key().secret}"},
        method=method,
    )
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read())
    except HTTPError as error:
        said = json.loads(error.read()).get("error", error.reason)
        msg = f"the cloud of stack {stack} refuses: {said}"
        raise LabError(msg) from None
    except (URLError, OSError) as error:
        log = files.process.pid_file.with_suffix(".log")
        msg = f"the cloud of stack {stack} does not answer, see {log}: {error}"
        raise LabError(msg) from None
