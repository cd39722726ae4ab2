"""One command for all of the training: what is asked for runs, what is not asked for is not imported."""

import subprocess
import sys

import pytest

from training.__main__ import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_takes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m training {name} ")


def test_the_list_of_commands_needs_nothing_but_python():
    code = "import sys; sys.modules['numpy'] = sys.modules['torch'] = None; sys.argv[1:] = ['--help']\n"
    code += "import runpy; runpy.run_module('training', run_name='__main__')"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    for name in COMMANDS:
        assert f"\n  {name} " in said


@pytest.mark.parametrize(
    "arguments", [[], ["paris"], ["pairs"], ["fit", "--config", "a", "--max-time", "1h"]]
)
def test_what_is_no_command_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m training ")


def test_what_fails_is_one_sentence(tmp_path, capsys, monkeypatch):
    assert main(["mine", "--photos", str(tmp_path), "--output", str(tmp_path / "a.csv")]) == 1
    assert (
        capsys.readouterr().err
        == f"{tmp_path} holds no photographs: name a folder of JPEG, PNG or TIFF files.\n"
    )
    monkeypatch.setitem(sys.modules, "training.mine", None)
    assert main(["mine"]) == 1
    assert "pip install" in capsys.readouterr().err
