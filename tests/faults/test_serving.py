"""The service on a real socket, stopped as a person and as a container's host stop it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

FAKES = Path(__file__).parents[1] / "inference" / "fakes.py"
SERVING = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("fakes", sys.argv[1])
fakes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fakes)
from emofuse import cli
from emofuse.inference import predictor
predictor.load = lambda path: fakes.FakeModel()
sys.argv = ["emofuse", "serve", "m.emofuse", "--port", "0"]
cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_stopped_service_ends_as_if_nothing_had_happened(number):
    call = [sys.executable, "-c", SERVING, str(FAKES)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            with httpx.Client() as client:  # it stays connected
                assert client.post(f"{url}v1/predict", json={"text": "What a day!"}).status_code == 200
                process.send_signal(number)
                assert process.wait(30) == 0
            assert process.stderr.read() == ""
            with pytest.raises(httpx.ConnectError):
                httpx.get(url)
        finally:
            process.kill()
