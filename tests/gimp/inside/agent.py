"""Runs in the Python of a GIMP with a screen: opens the picture, then answers questions put into files."""

import hashlib
import json
import os
import time
import traceback

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, Gio

image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path("/job/in/scan.png"))
scan = image.get_layers()[0]
scan.set_name("scan")
display = Gimp.Display.new(image)


def names():
    return [layer.get_name() for layer in image.get_layers()]


def ids():
    """Return the layers' ids: the repairs become another layer. (GIMP ends who reads what is gone.)"""
    return [layer.get_id() for layer in image.get_layers()]


def keep(name, drawable=None):
    """Keep a drawable, as a rule the top layer's mask."""
    drawable = drawable or image.get_layers()[0].get_mask()
    rectangle = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    data = bytes(drawable.get_buffer().get(rectangle, 1.0, "Y u8", Gegl.AbyssPolicy.NONE))
    with open(f"/job/out/{name}.raw", "wb") as file:
        file.write(data)
    return len(data)


def tone(number, place):
    """Return the mean tone, from 0 to 1, that a layer has at a place, the topmost being number 0."""
    return sum(image.get_layers()[number].get_pixel(*place).get_rgba()[:3]) / 3


def state():
    """Return what a filter could have changed: each layer's name, and digests of its samples and its mask."""
    digests = []
    for layer in image.get_layers():
        for drawable in filter(None, (layer, layer.get_mask())):
            rectangle = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
            coding = Babl.get_name(drawable.get_format())
            data = bytes(drawable.get_buffer().get(rectangle, 1.0, coding, Gegl.AbyssPolicy.NONE))
            digests.append([layer.get_name(), hashlib.sha256(data).hexdigest()])
    return digests


def add_another():
    """Add the scan's negative below it, and select both."""
    other = scan.copy()
    other.set_name("other")
    image.insert_layer(other, None, len(image.get_layers()))
    other.invert(False)
    image.set_selected_layers([scan, other])


def add_infrared():
    """Add an infrared scan, as a channel of that name; the scan stays selected."""
    size = image.get_width(), image.get_height()
    channel = Gimp.Channel.new(image, "infrared", *size, 50, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    with open("/job/in/infrared.raw", "rb") as file:
        channel.get_buffer().set(Gegl.Rectangle.new(0, 0, *size), "Y' u16", file.read())
    channel.get_buffer().flush()
    image.set_selected_layers([scan])


def repeat():
    """Run the filter once more with the settings of the last time."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-dust-scratch-removal")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.WITH_LAST_VALS)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [scan])
    done = procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS
    return done or Gimp.get_pdb().get_last_error()


open("/job/out/ready", "w").close()
number = 0
while True:
    try:
        with open(f"/job/out/ask.{number}") as file:
            question = file.read()
    except FileNotFoundError:
        time.sleep(0.1)
        continue
    try:
        answer = eval(question)
    except Exception:
        answer = traceback.format_exc()
    with open("/job/out/answer", "w") as file:
        json.dump(answer, file)
    os.rename("/job/out/answer", f"/job/out/answer.{number}")
    number += 1
