"""Runs in GIMP's Python: filters one large scan and reports the seconds that each call took.

For each output and call: seconds elapsed, those of processor time of GIMP, plug-in and worker together, and
those that other virtual machines took from this one. Calls that lost more than QUIET of their time are
repeated.
"""

import collections
import json
import os
import pathlib
import sys
import time

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp

sys.path.insert(0, "/job/inside")
from stolen import stolen


def processor():
    """Return the seconds that all processes and those before them have computed."""
    ticks = 0
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))  # user and system time, its own and its ended children's
    return ticks / os.sysconf("SC_CLK_TCK")


with open("/job/in/scan.json") as file:
    width, height, calls, most, quiet = json.load(file)
with open("/job/in/scan.raw", "rb") as file:
    samples = file.read()
seconds = collections.defaultdict(list)
for output in ("repairs", "repairs-alpha", "restored", "in-place", "selection") * most:
    if sum(lost <= quiet * elapsed for elapsed, _, lost in seconds[output]) == calls:
        continue
    image = Gimp.Image.new_with_precision(
        width, height, Gimp.ImageBaseType.RGB, Gimp.Precision.U16_NON_LINEAR
    )
    layer = Gimp.Layer.new(image, "scan", width, height, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, width, height), "R'G'B' u16", samples)
    buffer.flush()
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-dust-scratch-removal")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    for name, value in {"model": "/job/toy.onnx", "provider": "cpu", "output": output}.items():
        config.set_property(name, value)
    started = time.perf_counter(), processor(), stolen()
    assert procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS, Gimp.get_pdb().get_last_error()
    ended = time.perf_counter(), processor(), stolen()
    seconds[output].append([end - start for start, end in zip(started, ended, strict=True)])
    image.delete()
with open("/job/out/seconds.json", "w") as file:
    json.dump(seconds, file)
