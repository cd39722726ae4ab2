"""The situations that people reported, and which tests hold what the product does in each."""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
_FILES = "core/test_core_files.py"
_LIGHTS = "core/test_core_lights.py::test_at_the_lowest_sensitivities"
_WRITING = "core/test_core_writing.py"
CASES = {
    # inputs, by number: what is expected -> where it is checked
    "1 telemetry": (
        "home and temporary folder stay empty, but for what napari itself leaves",
        f"{_WRITING}::test_no_traces_in_the_home",
        "napari/test_napari_home.py::test_nothing_of_ours_is_left_in_the_home",
    ),
    "2 thumbnail instead of the scan": (
        "the scan in the SubIFD is restored, whole, with the tags of both",
        f"{_FILES}::test_the_scan_below_a_thumbnail_is_restored_with_the_tags_of_both",
    ),
    "3 second picture lost": ("refused", f"{_FILES}::test_an_mpo_is_refused_a_preview_is_left_out"),
    "4 layers lost": ("refused, lost on request", f"{_FILES}::test_layers_are_lost_only_on_request"),
    "5 linear DNG": ("no tag of a DNG", f"{_FILES}::test_a_linear_raw_becomes_a_plain_tiff_of_linear_light"),
    "6 range of floats": ("found, said, kept", f"{_FILES}::test_another_white_is_found_said_and_kept"),
    "7 bits in larger samples": ("found, said, kept", f"{_FILES}::test_whites_of_arrays"),
    "8 white is zero in floats": (
        "numbers and tag stay",
        f"{_FILES}::test_white_is_zero_keeps_its_numbers_and_its_tag",
    ),
    "9 a bad tag": (
        "restored, the tag is named",
        f"{_FILES}::test_a_bad_tag_costs_the_tag_and_not_the_picture",
        f"{_FILES}::test_a_bad_exif_block_costs_nothing",
    ),
    "10 a wrong message": (
        "a sentence and an exit code",
        "core/test_core_installation.py::test_a_wrong_message_is_a_sentence",
        "core/test_core_editor.py::test_worker_refuses_what_is_no_frame",
    ),
    "11 chunks of PNG": ("kept, none added", f"{_FILES}::test_png_keeps_its_chunks_and_gains_none"),
    "12, 13 tags of TIFF": ("as they came", f"{_FILES}::test_tiff_tags_come_back_as_they_were_and_no_others"),
    "14, 16 names and consoles": (
        "written, escaped",
        f"{_WRITING}::test_names_that_are_no_text_and_consoles_that_lack_letters",
        f"{_WRITING}::test_a_name_of_the_longest_kind",
    ),
    "15 nobody listens": ("all are written", f"{_WRITING}::test_nobody_to_listen_is_no_reason_to_stop"),
    "17 links and modes": ("they stay", f"{_WRITING}::test_links_and_permissions_stay"),
    "18 one of two renamed": (
        "all or none, or named",
        f"{_WRITING}::test_if_one_rename_fails_the_others_are_taken_back",
        f"{_WRITING}::test_what_cannot_be_taken_back_is_named",
    ),
    "19 killed": (
        "nothing is left after the next run",
        f"{_WRITING}::test_killed_at_any_moment",
        f"{_WRITING}::test_leftovers_of_the_dead_go_and_those_of_the_living_stay",
    ),
    "20 tiles and planes": ("restored", f"{_FILES}::test_tiles_and_planes"),
    "21 no end marker": (
        "restored, said",
        f"{_FILES}::test_a_jpeg_without_its_end_marker_is_whole_and_a_cut_one_is_not",
    ),
    "22 byte order": ("as the native array", f"{_FILES}::test_arrays_of_the_other_byte_order"),
    "23 a second run": (
        "results left out",
        f"{_WRITING}::test_a_second_run_leaves_the_first_ones_results_out",
    ),
    "24 infrared page": ("kept to the bit", f"{_FILES}::test_the_infrared_page_goes_along_to_the_bit"),
    "25 paint": (
        "nothing is replaced, said; the input itself: 0 of 60,000 pixels",
        "core/test_core_crowds.py::test_paint_stays_where_as_much_dirt_would_go",
        "core/test_core_crowds.py::test_a_picture_full_of_dots_stays_and_goes_on_request",
    ),
    "26 a faint scratch": (
        "found at 10 %",
        "core/test_core_scratches.py::test_a_faint_scratch_is_found_and_the_picture_below_it_stays",
    ),
    "27 good files called damaged": (
        "64-bit floats restored, CIELAB refused by name",
        f"{_FILES}::test_formats_that_are_only_read",
        f"{_FILES}::test_what_cannot_be_read_is_told_truly",
    ),
    "28 comment of a JPEG": ("kept, no EXIF", f"{_FILES}::test_jpeg_keeps_its_comment_and_gains_no_exif"),
    # reported
    "01-narrow-range": ("the range is found and said", f"{_FILES}::test_whites_of_arrays"),
    "02-gpu-that-cannot-run": (
        "auto goes on, cuda fails",
        "core/test_core_installation.py::test_auto_goes_on_without_a_card_that_cannot_run_the_model",
    ),
    "03-oldest-onnxruntime": (
        "what is asked for has the function; the core passes on it",
        "repo/test_lowest_versions.py::test_the_core_passes_its_tests_on_the_lowest_versions",
        "core/test_core_engine.py::test_each_link_of_cudas_chain_is_named_when_it_breaks",
    ),
    "04-runtime-gone": (
        "one sentence with the command that mends it",
        "core/test_core_installation.py::test_a_broken_onnxruntime_is_one_sentence",
        "core/test_core_installation.py::test_doctor_lives_through_anything_and_sees_twins",
    ),
    "05-flatpak-gimp": (
        "known by what is installed",
        "gimp/test_installer.py::test_a_flatpak_alone_owns_the_folder_that_it_shares",
        "gimp/test_installer.py::test_flatpak_cannot_see_the_systems_python",
    ),
    "06-gobject-first": (
        "nothing of ours brings a GLib: no reader needs libvips",
        "repo/test_repo_install.py::test_the_base_install_restores_without_torch",
    ),
    "07-jpeg-in-tiff": (
        "exact outside the mask, said",
        f"{_FILES}::test_jpeg_inside_tiff_becomes_lossless_and_that_is_said",
        f"{_FILES}::test_a_png_that_is_named_as_a_jpeg_stays_exact",
    ),
    "08-unsupported-called-damaged": (
        "read, or refused by name",
        f"{_FILES}::test_formats_that_are_only_read",
        f"{_FILES}::test_compressions_are_read_and_come_back_exact",
    ),
    "09-other-suffixes": (
        "read by content; shadows passed over",
        f"{_FILES}::test_names_do_not_matter",
        f"{_FILES}::test_shadows_of_a_mac_are_passed_over",
    ),
    "10-mask-over-the-scan": (
        "refused by any spelling",
        f"{_WRITING}::test_a_mask_never_replaces_a_scan",
        f"{_WRITING}::test_a_result_never_replaces_another_input",
    ),
    "11-neutral-stays-neutral": (
        "no repair has colour",
        "core/test_core_installation.py::test_repairs_of_a_picture_without_colour_have_none",
    ),
    "12-napari-rolled-axes": (
        "refused; the axis is named",
        "napari/test_napari_running.py::test_rolled_axes_are_refused_with_a_sentence",
        "napari/test_napari_running.py::test_nothing_is_made_of_a_plane_that_is_not_shown",
    ),
    "13-napari-changed-in-place": (
        "looked at again",
        "napari/test_napari_running.py::test_a_picture_that_was_changed_in_place_is_looked_at_again",
    ),
    "14-forked-reader": ("it reads", f"{_FILES}::test_reading_works_in_a_forked_child"),
    "15-stale-thumbnail": ("left out", f"{_FILES}::test_thumbnails_in_jpeg_are_left_out"),
    "16-lights-at-the-lowest-setting": (
        "told, kept on request, and left alone at the lowest sensitivities: 0 of 120 go at 0 and at 0.1",
        "core/test_core_lights.py::test_dozens_of_lights_are_told_and_stay_on_request",
        f"{_LIGHTS}_lights_are_not_certain_however_sure_the_network_is",
        "core/test_core_lights.py::test_small_stars_and_large_lamps_stay_at_the_lowest_sensitivity",
        "core/test_core_lights.py::test_two_stars_that_touch_stay_too",
    ),
    "17-premultiplied-alpha": (
        "as stored outside the mask",
        f"{_FILES}::test_premultiplied_colours_stay_as_stored",
        f"{_FILES}::test_infrared_that_is_called_premultiplied_alpha_is_left_alone",
    ),
}


@cache
def functions_in(name):
    tree = ast.parse((TESTS / name).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_held_by_tests(case):
    expected, *tests = CASES[case]
    assert expected
    for test in tests:
        file, name = test.split("::")
        assert name in functions_in(file), test
