"""Runs in GIMP's Python: puts the filter through its cases and keeps what came of each, for the tests."""

import json
import os
import pathlib
import subprocess
import sys
import time
import traceback

import gi

for _name, _version in (("Babl", "0.1"), ("Gegl", "0.4"), ("Gimp", "3.0")):
    gi.require_version(_name, _version)
from gi.repository import Babl, Gegl, Gimp

JOB = pathlib.Path("/job")
WIDTH, HEIGHT, TALL = 90, 60, 1140
WIDE = 1100
FILM = 240, 200
ENGINE = next(JOB.glob("home/.config/GIMP/*/plug-ins/dust_scratch_removal/engine.json"))
PRECISIONS = json.loads((JOB / "in" / "precisions.json").read_text())
CASES = []


def case(function):
    CASES.append(function)
    return function


def keep(name, data):
    (JOB / "out" / f"{name}.raw").write_bytes(bytes(data))


def everything(drawable):
    return Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())


def read(drawable):
    coding = Babl.get_name(drawable.get_format())
    return bytes(drawable.get_buffer().get(everything(drawable), 1.0, coding, Gegl.AbyssPolicy.NONE))


def read_mask(drawable):
    coding = "Y' u8" if "'" in Babl.get_name(drawable.get_format()) else "Y u8"
    return bytes(drawable.get_buffer().get(everything(drawable), 1.0, coding, Gegl.AbyssPolicy.NONE))


def write(drawable, data):
    buffer = drawable.get_buffer()
    buffer.set(everything(drawable), Babl.get_name(drawable.get_format()), data)
    buffer.flush()


def tall_picture():
    """Return an image of several bands and its layer."""
    image = Gimp.Image.new(WIDTH, TALL, Gimp.ImageBaseType.RGB)
    layer = Gimp.Layer.new(image, "roll", WIDTH, TALL, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    write(layer, (JOB / "in" / "tall.raw").read_bytes())
    return image, layer


def picture(kind="u8", encoding="NON_LINEAR", base="RGB", alphas=(False,), seed=0):
    """Return an image and its layers, top layer first, filled with the scene."""
    precision = getattr(Gimp.Precision, f"{kind.upper()}_{encoding}")
    image = Gimp.Image.new_with_precision(WIDTH, HEIGHT, getattr(Gimp.ImageBaseType, base), precision)
    return image, [add(image, kind, base, alpha, seed + number) for number, alpha in enumerate(alphas)]


def add(image, kind, base="RGB", alpha=False, seed=0, parent=None, position=-1):
    channels = {"RGB": 3, "GRAY": 1}[base] + alpha
    kinds = {
        1: Gimp.ImageType.GRAY_IMAGE,
        2: Gimp.ImageType.GRAYA_IMAGE,
        3: Gimp.ImageType.RGB_IMAGE,
        4: Gimp.ImageType.RGBA_IMAGE,
    }
    layer = Gimp.Layer.new(image, "scan", WIDTH, HEIGHT, kinds[channels], 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, parent, len(image.get_layers()) if position < 0 else position)
    write(layer, (JOB / "in" / f"{kind}-{channels}-{seed}.raw").read_bytes())
    return layer


FILTER, MEND = "plug-in-dust-scratch-removal", "plug-in-dust-scratch-repair-selected"


def call(image, drawables, wanted="SUCCESS", procedure=FILTER, **arguments):
    """Run the filter without a dialog; return the message if it was to fail."""
    procedure = Gimp.get_pdb().lookup_procedure(procedure)
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for name, value in {"model": "/job/toy.onnx", "provider": "cpu", **arguments}.items():
        config.set_property(name.replace("_", "-"), value)
        assert config.get_property(name.replace("_", "-")) == value, name
    status = procedure.run(config).index(0)
    message = Gimp.get_pdb().get_last_error() if status != Gimp.PDBStatusType.SUCCESS else ""
    assert status == getattr(Gimp.PDBStatusType, wanted), (status, message)
    return message


def describe(image):
    """Return everything a filter could have changed but for pixels."""
    return {
        "layers": [[layer.get_name(), list(layer.get_offsets())[1:]] for layer in image.get_layers()],
        "channels": [channel.get_name() for channel in image.get_channels()],
        "selection": str(Gimp.Selection.bounds(image)),
        "selected": [item.get_name() for item in image.get_selected_drawables()],
    }


@case
def wide_damage():
    kind = Gimp.ImageType.GRAY_IMAGE
    image = Gimp.Image.new(WIDE, WIDE, Gimp.ImageBaseType.GRAY)
    layer = Gimp.Layer.new(image, "wide", WIDE, WIDE, kind, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    write(layer, (JOB / "in" / "wide.raw").read_bytes())
    before = read(layer)
    call(image, [layer])
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, WIDE - 1, WIDE)
    call(image, [layer])
    return [len(image.get_layers()), read(layer) == before]


@case
def formats():
    for number, (kind, encoding) in enumerate(PRECISIONS):
        for base in ("RGB", "GRAY"):
            image, layers = picture(kind, encoding, base, (False, True))
            output = ("in-place", "repairs")[(number + (base == "GRAY")) % 2]
            before = [read(layer) for layer in layers]
            call(image, layers, output=output)
            after = layers if output == "in-place" else image.get_layers()[0::2]
            for layer, alpha in zip(after, (False, True), strict=True):
                name = f"formats-{kind}-{encoding}-{base}-{alpha}"
                keep(name, read(layer))
                if output == "repairs":
                    keep(f"{name}-mask", read_mask(layer.get_mask()))
            assert output == "in-place" or [read(layer) for layer in layers] == before
            image.delete()


@case
def outputs():
    result = {}
    for output in ("repairs-alpha", "restored", "selection", "channel"):
        image, (layer,) = picture("u16")
        image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())
        write(layer, (JOB / "in" / "u16-3-0.raw").read_bytes())
        before = read(layer)
        call(image, [layer], output=output)
        assert read(layer) == before
        keep(f"outputs-{output}", read(image.get_layers()[0]))
        if output == "selection":
            keep("outputs-selection-mask", read_mask(image.get_selection()))
        if output == "channel":
            keep("outputs-channel-mask", read_mask(image.get_channels()[0]))
        result[output] = describe(image)
        image.delete()
    return result


@case
def selection():
    for output in ("in-place", "repairs"):
        for kind, soft in (("float", False), ("u16", True)):
            image, (layer,) = picture(kind)
            layer.set_offsets(7, -5)
            image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 10, 50, 30)
            if soft:
                Gimp.Selection.feather(image, 12)
            keep(f"selection-{output}-{kind}-clip", read_mask(image.get_selection()))
            state = describe(image)
            call(image, [layer], output=output, polarity="both")
            if output == "in-place":
                assert describe(image) == state, (state, describe(image))
                keep(f"selection-{output}-{kind}", read(layer))
            else:
                added = image.get_layers()[0]
                keep(f"selection-{output}-{kind}", read(added))
                keep(f"selection-{output}-{kind}-mask", read_mask(added.get_mask()))
                placed = [*list(added.get_offsets())[1:], added.get_width(), added.get_height()]
                (JOB / "out" / f"selection-{kind}.json").write_text(json.dumps(placed))
            image.delete()
    image, (layer,) = picture()
    layer.set_offsets(0, 30)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 20, 20)
    return call(image, [layer], "EXECUTION_ERROR")


@case
def groups_and_masks():
    image, _ = picture()
    group = Gimp.GroupLayer.new(image, "roll")
    image.insert_layer(group, None, 0)
    layer = add(image, "u8", parent=group, position=0)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    write(mask, bytes([255] * (WIDTH * 30) + [100] * (WIDTH * 30)))
    layer.add_mask(mask)
    layer.set_edit_mask(False)
    for output in ("repairs", "repairs-alpha", "restored"):
        call(image, [layer], output=output)
        added = group.get_children()[0]
        keep(f"groups-{output}", read(added))
        keep(f"groups-{output}-mask", read_mask(added.get_mask()))
        image.remove_layer(added)
    assert [item.get_id() for item in group.get_children()] == [layer.get_id()]
    call(image, [group])
    names = [item.get_name() for item in image.get_layers()]
    refused = call(image, [group], "EXECUTION_ERROR", output="in-place")
    before = read(layer)
    call(image, [mask], output="in-place")  # a flat mask has no defects
    assert read(layer) == before
    return {"names": names, "refused": refused, "mask": call(image, [mask], "EXECUTION_ERROR")}


@case
def several_layers():
    image, layers = picture("u8", alphas=(False, False))
    layers[1].set_offsets(40, 20)
    call(image, layers)
    names = [[item.get_name(), list(item.get_offsets())[1:]] for item in image.get_layers()]
    for item in image.get_layers()[0::2]:
        image.remove_layer(item)
    layers[0].set_offsets(-9, -5)  # partly outside the picture
    call(image, layers, output="selection")
    keep("several-selection", read_mask(image.get_selection()))
    return names


@case
def several_bands():
    for output in ("repairs", "restored", "selection", "in-place"):
        image, layer = tall_picture()
        if output == "selection":
            layer.set_offsets(3, 50)  # GIMP's tiles lie across the bands
        call(image, [layer], output=output)
        added = image.get_layers()[0]
        keep(f"bands-{output}", read_mask(image.get_selection()) if output == "selection" else read(added))
        if output == "repairs":
            keep("bands-repairs-mask", read_mask(added.get_mask()))
        image.delete()


@case
def channels():
    image, _ = picture("u8", "LINEAR")
    channel = Gimp.Channel.new(image, "plate", WIDTH, HEIGHT, 50, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    write(channel, (JOB / "in" / "u8-1-0.raw").read_bytes())
    call(image, [channel])
    keep("channels-copy", read(image.get_channels()[0]))
    names = [item.get_name() for item in image.get_channels()]
    call(image, [channel], output="in-place")
    keep("channels-in-place", read(channel))
    return names


def extent(item):
    return [*list(item.get_offsets())[1:], item.get_width(), item.get_height()]


@case
def mend():
    """What was not found is selected and repaired, into the result that an earlier run left."""
    result = {}
    for kind, output in (
        ("u16", "repairs"),
        ("u8", "repairs-alpha"),
        ("float", "restored"),
        ("half", "in-place"),
    ):
        image, (layer,) = picture(kind)
        layer.set_offsets(3, 2)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 8, 7, 40, 30)
        before = read(layer)
        call(image, [layer], output=output)
        image.select_ellipse(Gimp.ChannelOps.REPLACE, 26, 12, 55, 40)
        Gimp.Selection.feather(image, 4)
        keep(f"mend-{output}-clip", read_mask(image.get_selection()))
        selected = image.get_selected_drawables()
        call(image, selected, procedure=MEND, output=output)
        assert image.get_selected_drawables() != [layer] or output == "in-place"
        top = image.get_layers()[0]
        assert read(layer) == before or output == "in-place"
        keep(f"mend-{output}", read(top))
        if top.get_mask():
            keep(f"mend-{output}-mask", read_mask(top.get_mask()))
        result[output] = describe(image)["layers"], extent(top)
        image.delete()

    image, (layer,) = picture()
    channel = Gimp.Channel.new(image, "painted", WIDTH, HEIGHT, 50, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    return {
        "results": result,
        "nothing": call(image, [layer], "EXECUTION_ERROR", procedure=MEND),
        "channel": (
            image.select_rectangle(0, 1, 1, 9, 9),
            call(image, [channel], "EXECUTION_ERROR", procedure=MEND),
        )[1],
    }


@case
def again():
    """A second run works on the scan, not on the mask that is selected after the first."""
    image, (layer,) = picture()
    names = []
    for output, which in (("repairs", "mask"), ("repairs-alpha", "layer"), ("restored", "layer")):
        call(image, [layer], output=output, sensitivity=0.2)
        result = image.get_layers()[0]
        result.set_name(f"my {output}")
        call(image, [result.get_mask() if which == "mask" else result, layer], output=output, sensitivity=0.9)
        names.append(describe(image)["layers"])
        keep(f"again-{output}", read(image.get_layers()[0]))
        image.remove_layer(image.get_layers()[0])
    call(image, [layer])
    result = image.get_layers()[0]
    write(result.get_mask(), bytes(WIDTH * HEIGHT))  # everything is painted away but for two columns
    result.get_mask().get_buffer().set(Gegl.Rectangle.new(0, 0, 2, HEIGHT), "Y u8", bytes([7] * (2 * HEIGHT)))
    result.get_mask().get_buffer().flush()
    copy = image.duplicate()  # in which tattoos differ
    for picture_ in (image, copy):
        call(picture_, picture_.get_selected_drawables(), earlier="add", polarity="bright")
        names.append([name for name, _ in describe(picture_)["layers"]])
    keep("again-added-mask", read_mask(copy.get_layers()[0].get_mask()))
    keep("again-added", read(copy.get_layers()[0]))
    layer.set_name("another name")
    call(image, [image.get_layers()[0]])
    names.append([name for name, _ in describe(image)["layers"]])
    return names


def film_picture(offset=(0, 0)):
    """Return an image of 16 bits and its layer, which has an infrared scan."""
    image = Gimp.Image.new_with_precision(*FILM, Gimp.ImageBaseType.RGB, Gimp.Precision.U16_NON_LINEAR)
    layer = Gimp.Layer.new(image, "film", *FILM, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    write(layer, (JOB / "in" / "film.raw").read_bytes())
    layer.set_offsets(*offset)
    return image, layer


def infrared_channel(image, name, size=FILM):
    channel = Gimp.Channel.new(image, name, *size, 50, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    if size == FILM:
        write(channel, (JOB / "in" / "film-infrared.raw").read_bytes())
    return channel


@case
def infrared():
    """An infrared scan is a channel, or a layer that lies elsewhere; what cannot be one is refused."""
    image, layer = film_picture()
    channel = infrared_channel(image, "plate")
    call(image, [layer], output="restored", infrared=channel)
    keep("infrared-channel", read(image.get_layers()[0]))
    assert read(channel) == (JOB / "in" / "film-infrared.raw").read_bytes()
    said = {"itself": refusal(image, [layer], infrared=layer)}
    other, film = film_picture()
    said["other"] = refusal(other, [film], infrared=channel)

    image, layer = film_picture((7, -5))
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 1)
    size = FILM[0] + 30, FILM[1] + 20
    wide = Gimp.Layer.new(image, "wide", *size, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(wide, group, 0)
    wide.set_offsets(7 - 20, -5 - 8)
    inside = Gegl.Rectangle.new(20, 8, *FILM)
    wide.get_buffer().set(inside, "Y' u16", (JOB / "in" / "film-infrared.raw").read_bytes())
    wide.get_buffer().flush()
    call(image, [layer], output="restored", infrared=wide)
    keep("infrared-layer", read(image.get_layers()[0]))
    wide.set_offsets(8, -5)
    said["beside"] = refusal(image, [layer], infrared=wide)

    for name in ("infrared", "plate"):  # a run that repeats the last one knows it by its name
        image, layer = film_picture()
        infrared_channel(image, name)
        procedure = Gimp.get_pdb().lookup_procedure(FILTER)
        config = procedure.create_config()
        config.set_property("run-mode", Gimp.RunMode.WITH_LAST_VALS)
        config.set_property("image", image)
        config.set_core_object_array("drawables", [layer])
        said[f"repeated-{name}"] = procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS
        keep(f"infrared-repeated-{name}", read_mask(image.get_layers()[0].get_mask()))
    return said


@case
def locks():
    """What cannot end well is refused before the network runs (there is no such model); the rest works."""
    said = {}
    image, (layer,) = picture("u8", alphas=(True,))
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    child = add(image, "u8", parent=group, position=0)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    layer.set_lock_content(True)
    group.set_lock_content(True)
    none = {"model": "/job/none.onnx", "output": "in-place"}
    for name, drawable in (("layer", layer), ("mask", mask), ("group", child)):
        said[name] = refusal(image, [drawable], **none)
    for output in ("restored", "repairs", "repairs-alpha"):
        call(image, [layer, child], output=output)
    said["layers"] = describe(image)["layers"], [item.get_name() for item in group.get_children()]
    restored = image.get_layer_by_name("scan (restored)")
    said["copy"] = restored.get_lock_content()
    keep("locks-restored", read(restored))
    restored.set_lock_content(True)
    said["earlier"] = refusal(image, [layer], **{**none, "output": "restored"})
    for set_lock in ("set_lock_content", "set_lock_position", "set_lock_visibility", "set_lock_alpha"):
        image, (layer,) = picture("u8", alphas=(True,))
        getattr(layer, set_lock)(True)
        call(image, [layer], output="restored")
        call(image, [layer], output="repairs")
        if set_lock != "set_lock_content":
            call(image, [layer], output="in-place")
            keep(f"locks-{set_lock}", read(layer))
    return said


@case
def nothing_found():
    image, (layer,) = picture()
    write(layer, bytes([99] * (3 * WIDTH * HEIGHT)))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 10, 50, 30)
    state = describe(image)
    call(image, [layer], output="selection", provider="auto")
    return describe(image) == state


@case
def from_script_fu():
    image, (layer,) = picture()
    evaluate = Gimp.get_pdb().lookup_procedure("plug-in-script-fu-eval")
    config = evaluate.create_config()
    config.set_property(
        "script",
        f"""(plug-in-dust-scratch-removal #:run-mode RUN-NONINTERACTIVE
        #:image {image.get_id()} #:drawables (vector {layer.get_id()}) #:sensitivity 0.9 #:polarity "bright"
        #:min-size 1 #:max-size 40 #:grow 2 #:feather 0.0 #:model "3" #:provider "cpu"
        #:output "in-place")""",
    )
    status = evaluate.run(config).index(0)
    keep("script-fu", read(layer))
    return status == Gimp.PDBStatusType.SUCCESS


@case
def menu():
    procedures = map(Gimp.get_pdb().lookup_procedure, (FILTER, MEND))
    return [[entry.get_menu_paths(), entry.get_menu_label().replace("_", "")] for entry in procedures]


def refusal(image, layers, **arguments):
    """Return the sentence of a failing call that changed nothing."""
    state, before = describe(image), [read(layer) for layer in layers]
    message = call(image, layers, "EXECUTION_ERROR", **arguments)
    assert describe(image) == state
    assert [read(layer) for layer in layers] == before
    return message


@case
def refusals():
    image, (layer,) = picture()
    said = {"model": refusal(image, [layer], model="/job/none.onnx")}
    said["cuda"] = (
        refusal(image, [layer], provider="cuda") if not pathlib.Path("/dev/nvidia0").exists() else "CUDA"
    )
    said["sizes"] = refusal(image, [layer], max_size=3, min_size=9)
    said["nothing"] = refusal(image, [])
    flat = Gimp.Image.new(8, 8, Gimp.ImageBaseType.INDEXED)
    indexed = Gimp.Layer.new(flat, "", 8, 8, Gimp.ImageType.INDEXED_IMAGE, 100, Gimp.LayerMode.NORMAL)
    flat.insert_layer(indexed, None, 0)
    said["indexed"] = call(flat, [indexed], "EXECUTION_ERROR")
    layer.set_opacity(50)
    call(image, [layer])  # works, with a remark

    image, (layer,) = picture()
    settings = ENGINE.read_text()
    fakes = {"gone": "/nowhere/python", "empty": "/usr/bin/python3"}
    for name in ("old", "dying", "sleeping"):
        fakes[name] = str(JOB / "inside" / f"fake-{name}")
    try:
        for name, python in fakes.items():
            ENGINE.write_text(json.dumps({"python": python}))
            if name == "sleeping":
                kill_soon(b"fake_worker.py", 0.5)
            said[name] = refusal(image, [layer])
        ENGINE.write_text(json.dumps({"python": str(JOB / "inside" / "fake-halfway")}))
        for output in ("repairs", "restored", "in-place", "selection"):
            image, layer = tall_picture()
            said["halfway"] = refusal(image, [layer], output=output)
            following = Gimp.Channel.new(image, "", 1, 1, 50, Gegl.Color.new("red")).get_id()
            kept = filter(Gimp.Item.id_is_valid, range(layer.get_id() + 1, following))
            assert all(Gimp.Item.get_by_id(number) == image.get_selection() for number in kept), output
        ENGINE.unlink()
        said["unknown"] = refusal(image, [layer])
    finally:
        ENGINE.write_text(settings)
    return said


@case
def rare():
    """What GIMP hardly ever does, asked of the plug-in's own modules."""
    sys.path.insert(0, str(ENGINE.parent))
    from drawable import Target  # noqa: PLC0415 -- found only now
    from dsr_core.editor.wire import PlugInError  # noqa: PLC0415
    from product import must  # noqa: PLC0415

    image, (layer,) = picture()
    plate = add(image, "u8", seed=1)
    target = Target(image, layer)
    image.remove_layer(plate)
    said = {}
    for name, action in {
        "deleted": lambda: target.infrared(plate),
        "refused": lambda: must(image.insert_layer(layer, None, 0)),  # it is there already
    }.items():
        try:
            action()
        except PlugInError as error:
            said[name] = str(error)
    return said


def processes(name):
    """Return the ids of the processes whose command line holds this name."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if name in (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill_soon(name, wait, sign=None):
    """Kill the first process of this name a while after it, or ``sign``, appears, from another process."""
    program = f"exec(open('/job/inside/killer.py').read()); kill({name!r}, {wait}, {sign!r})"
    return subprocess.Popen(["/usr/bin/python3", "-c", program])


@case
def cancel_leaves_no_orphan():
    """GIMP's Cancel kills the plug-in outright: it cannot clean up, so the worker has to notice."""
    size = 12000, 10000
    image = Gimp.Image.new(*size, Gimp.ImageBaseType.GRAY)
    layer = Gimp.Layer.new(image, "big", *size, Gimp.ImageType.GRAY_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    while processes(b"dust_scratch_removal.py"):  # the one before may still be on its way out
        time.sleep(0.1)
    # the worker takes seconds for a picture of this size: after one it is loading, reading or at work
    killer = kill_soon(b"dust_scratch_removal.py", 1.0, sign=b"dsr_core.editor.worker")
    try:
        call(image, [layer], "CALLING_ERROR")
    finally:
        killer.wait()
    alive_at_first = processes(b"dsr_core.editor.worker")
    deadline = time.monotonic() + 20
    while processes(b"dsr_core.editor.worker") and time.monotonic() < deadline:
        time.sleep(0.1)
    return {
        "left": processes(b"dsr_core.editor.worker"),
        "at_first": alive_at_first,
        "layers": len(image.get_layers()),
    }


def main():
    for function in CASES:
        started = time.monotonic()
        try:
            outcome = {"result": function()}
        except Exception:
            outcome = {"error": traceback.format_exc()}
        outcome["seconds"] = round(time.monotonic() - started, 1)
        (JOB / "out" / f"{function.__name__}.json").write_text(json.dumps(outcome, default=str))
    for image in Gimp.get_images():
        image.delete()


main()
