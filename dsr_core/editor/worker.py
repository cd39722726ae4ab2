"""The process behind an editor's plug-in, ``python -m dsr_core.editor.worker``; it speaks `wire`."""

import os
import queue
import sys
import threading
from typing import NoReturn

from dsr_core.editor.wire import PROTOCOL, Header, Payload, PlugInError, read_header, write_frame
from dsr_core.models import installed_names
from dsr_core.version import project_version


def main() -> NoReturn:
    """Answer requests until the input ends."""
    # Whatever a library prints must not land between the frames.
    output = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)
    requests: queue.SimpleQueue[tuple[Header, Payload]] = queue.SimpleQueue()
    cancelled: set[int] = set()

    def listen() -> None:
        """Take requests while the network runs; the editor's end or death is noticed at once and ends all."""
        source = os.fdopen(0, "rb", buffering=0)
        status = 0
        try:
            while True:
                header, payload = read_header(source)
                if header.get("type") == "cancel":
                    target = header.get("target")
                    cancelled.update([target] if isinstance(target, int) else [])
                else:
                    requests.put((header, payload))
                payload.fill(source)
        except EOFError:
            pass
        except (PlugInError, MemoryError) as error:
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
            status = 1
        finally:
            os._exit(status)

    try:
        greeting = {"type": "hello", "protocol": PROTOCOL, "version": project_version()}
        write_frame(output, {**greeting, "models": installed_names()})
        threading.Thread(target=listen, daemon=True).start()
        from dsr_core.editor.session import Session  # noqa: PLC0415 - OpenCV and onnxruntime, while the picture comes

        session = Session(output, cancelled)
        while True:
            session.answer(*requests.get())
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
