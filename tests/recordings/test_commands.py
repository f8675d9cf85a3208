"""What ``lgl read`` says, and the options that other commands share with it."""

import subprocess
import sys
from contextlib import suppress

import pandas as pd
import pytest

from lgl_core.recordings.commands import main
from lgl_core.recordings.session import read


def test_the_command_says_what_is_in_a_recording_and_converts_it(tmp_path, monkeypatch, capsys):
    table, copy = tmp_path / "a.csv", tmp_path / "b.parquet"
    pd.DataFrame({"time": [0.5, 1.0, 2.0], "unit": ["a", "b", "a"]}).to_csv(table, index=False)
    monkeypatch.setattr("sys.argv", ["lgl read", str(table), "--to", str(copy)])
    main()
    said = capsys.readouterr().out
    assert "3 spikes of 2 neurons" in said and "rates of its units (Hz):" in said
    assert read(copy).units == ("a", "b")
    monkeypatch.setattr("sys.argv", ["lgl read", str(tmp_path / "none.csv")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1 and "none.csv" in capsys.readouterr().err


def test_the_command_warns_in_a_sentence_and_takes_lists(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,unit\n0.5,a\n0.5,a\n1.0,b\n2.0,a\n3.0,c\n")
    asked = [str(path), "--repair", "--keep", "['a', 'b']", "--epochs", "[[0, 1.5]]"]
    command = [sys.executable, "-m", "lgl_core", "read", *asked]
    said = subprocess.run(command, capture_output=True, text=True)
    assert "2 spikes of 2 neurons in 1.5 s" in said.stdout and "units: a, b" in said.stdout
    assert "fewer than 100 spikes, which tell little of a connection: a (1), b (1)" in said.stdout
    assert "mended\n" in said.stderr and "UserWarning" not in said.stderr


def test_the_command_speaks_of_its_options(tmp_path, monkeypatch, capsys):
    path = tmp_path / "a.csv"
    path.write_text("t,unit\n0.5,a\n0.5,a\n1.0,b\n2.0,a\n3.0,c\n")

    def said(*options):
        monkeypatch.setattr("sys.argv", ["lgl read", str(path), *options])
        with suppress(SystemExit):
            main()
        return capsys.readouterr()

    assert "name the columns, as in --time 't'" in said().err
    assert "--repair does it" in said("--time", "t").err
    assert '--epochs "[[0, 60]]"' in said("--time", "t", "--repair", "--epochs", "trials").err
    assert "'[a' is no list" in said("--keep", "[a").err
