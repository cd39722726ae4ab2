"""Cleans the scans of one folder and saves each, with its layer of repairs, into another; runs in GIMP."""

import json
import os
from pathlib import Path

from gi.repository import Gimp, Gio

scans, results = Path(os.environ["SCANS"]), Path(os.environ["RESULTS"])
settings = json.loads(os.environ.get("SETTINGS", "{}"))  # such as {"sensitivity": 0.6}
results.mkdir(parents=True, exist_ok=True)
failed = 0
for scan in sorted(scans.iterdir()):
    result = results / f"{scan.name}.xcf"
    if scan.suffix.lower() not in (".tif", ".tiff", ".png", ".jpg", ".jpeg") or result.exists():
        continue
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(scan)))
    done = image is not None
    if done:
        procedure = Gimp.get_pdb().lookup_procedure("plug-in-dust-scratch-removal")
        config = procedure.create_config()
        config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
        config.set_property("image", image)
        config.set_core_object_array("drawables", image.get_layers())
        for name, value in settings.items():
            config.set_property(name, value)
        done = procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS
    if done:
        done = Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(result)), None)
    print(
        f"{scan.name}: {'saved as ' + result.name if done else Gimp.get_pdb().get_last_error()}", flush=True
    )
    failed += not done
    if image:
        image.delete()
if failed:
    raise SystemExit(f"{failed} of the scans failed")
