import json

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from dsr_core.errors import DsrError
from training.__main__ import main
from training.damage import KINDS, VISIBLE, Conditions, FilmDamage
from training.damage.atlas import Atlas, view
from training.damage.details import DETAILS, detail_plates, plates_of
from training.damage.draw import Draw
from training.damage.drawing import Drawing, draw_plates, load_drawing
from training.damage.film import LUMA, blur, grain, halve_chroma, jpeg
from training.damage.marks import lay_points, lay_stains, lay_streaks
from training.damage.plates import HAIRS, defect_spots, hair_plate, outline_plate, procedural_plate
from training.damage.scene import border_line, lay_boxes, misalign, mount, narrow_range, repeat_border
from training.damage.visible import visible
from training.simulate import to_tensor


@pytest.fixture(scope="module")
def simulator():
    rng = np.random.default_rng(0)
    plates = Atlas(
        [procedural_plate(700, density, rng) for density in (1, 4)], levels=3, nearest_channels=(1,)
    )
    return FilmDamage(plates, Atlas(detail_plates(rng, 512), levels=3))


@pytest.fixture(scope="module")
def photos():
    astronaut, coffee = to_tensor(skimage.data.astronaut()), to_tensor(skimage.data.coffee())
    return torch.cat([astronaut[..., :256, :256], coffee[..., :256, :256]]).repeat(8, 1, 1, 1)


def damage(simulator, photos, seed=0, **conditions):
    return simulator.with_conditions(**conditions)(photos, torch.Generator().manual_seed(seed))


def test_a_seed_fixes_every_pixel(simulator, photos):
    first, again, other = (damage(simulator, photos, seed) for seed in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.damaged, other.damaged)


def test_without_jpeg_only_altered_pixels_differ(simulator, photos):
    truth = damage(simulator, photos, jpeg=0.0, clean=0.0)
    difference = (truth.damaged - truth.clean).abs().amax(1, keepdim=True)
    torch.testing.assert_close(difference, truth.alteration, rtol=0, atol=1e-6)
    assert (truth.alteration[truth.mask] > VISIBLE).float().mean() > 0.9  # the rest closes gaps
    assert truth.mask.any()


def test_the_mask_closes_the_line_that_sharpening_leaves_around_a_speck():
    excess = torch.zeros(1, 1, 32, 32)
    excess[..., 8:20, 8:20] = 4
    excess[..., 9, 9:19] = 0.2  # between the ring and the speck
    excess[..., 26, 26] = 1.2  # too faint by itself
    mask = visible(excess)
    assert mask[..., 8:20, 8:20].all()
    assert mask.sum() == 12 * 12


def test_aimed_frames_hold_a_defect(photos):
    plate = procedural_plate(600, 0.3, np.random.default_rng(0))
    spots = torch.from_numpy(defect_spots(plate, np.random.default_rng(1), 64))[None]
    for y, x, number in spots[0]:
        assert plate[y, x, 0] > 64
        assert plate[y, x, 1] == number
    details = Atlas(detail_plates(np.random.default_rng(2), 256), levels=3)
    atlas = Atlas([plate], levels=3, nearest_channels=(1,))
    aimed = {"amount": (0.0, 0.0), "clean": 0.0, "scratches": 0.0, "scale": (1.0, 1.0)}
    for share, least in ((1.0, 0.5), (0.0, 0.0)):
        simulator = FilmDamage(atlas, details, Conditions(aimed=share, **aimed), spots)
        altered = simulator(photos[..., :64, :64], torch.Generator().manual_seed(0)).alteration
        hit = (altered > 0).flatten(1).any(1).float().mean()
        assert hit >= least
        assert share or hit == 0


def test_hairs_are_as_frequent_as_asked(photos):
    empty, hairy = (np.zeros((400, 400, 2), np.uint8) for _ in range(2))
    hairy[..., 0] = 255
    atlas = Atlas([empty] + [hairy] * len(HAIRS), levels=3, nearest_channels=(1,))
    details = Atlas(detail_plates(np.random.default_rng(2), 256), levels=3)
    for share, expected in ((1.0, 1.0), (0.0, len(HAIRS) / (1 + len(HAIRS)))):
        simulator = FilmDamage(atlas, details, Conditions(hairs=share, clean=0.0, amount=(1.0, 1.0)))
        altered = simulator(photos, torch.Generator().manual_seed(0)).alteration
        covered = ((altered > 0.02).flatten(1).float().mean(1) > 0.5).float().mean()
        assert covered == pytest.approx(expected, abs=0.2)  # 16 frames


def test_clean_frames_are_clean(simulator, photos):
    truth = damage(simulator, photos, **KINDS["clean"])
    assert torch.equal(truth.damaged, truth.clean)
    assert not truth.mask.any()


def test_slides_have_dark_and_negatives_bright_damage(simulator, photos):
    neutral = {"coloured": (0.0, 0.0), "film": (0.0, 0.0, 0.0), "sharpening": 0.0, "jpeg": 0.0, "grain": 0.0}
    for kind, sign in (("slide", -1), ("negative", 1)):
        truth = damage(simulator, photos, **{**KINDS[kind], **neutral})
        change = (truth.damaged - truth.clean).mean(1, keepdim=True)[truth.mask] * sign
        # dark dust on black and bright dust on white may tip over to the other side, hence a share
        assert (change > 0).float().mean() > 0.85


def test_per_channel_damage_alters_one_or_two_channels(simulator, photos):
    truth = damage(
        simulator,
        photos,
        coloured=(0.0, 1.0),
        film=(0.0, 0.0, 0.0),
        clean=0.0,
        scratches=0.0,
        sharpening=0.0,
        jpeg=0.0,
    )
    altered = ((truth.damaged - truth.clean).abs() > 1e-3).sum(1, keepdim=True)[truth.mask]
    assert (altered < 3).float().mean() > 0.6  # 15 % of the defects stay neutral and a few touch each other


PLAIN = {
    "jpeg": 0.0, "clean": 0.0, "grain": 0.0, "sharpening": 0.0, "film": (0.0, 0.0, 0.0), "scratches": 0.0,
    "coloured": (0.0, 0.0), "misaligned": 0.0, "details": 0.0,
}  # fmt: skip


def test_separations_have_other_dust_on_each_plane(simulator, photos):
    one, three = (damage(simulator, photos, **PLAIN, separations=share) for share in (0.0, 1.0))
    alone = []
    for truth in (one, three):
        hit = (truth.damaged - truth.clean).abs() > 0.1
        alone.append(((hit.sum(1) == 1).sum() / hit.any(1).sum()).item())
    assert alone[0] < 0.3
    assert alone[1] > 0.7


def test_separations_of_black_and_white_film_are_grey(simulator, photos):
    truth = damage(simulator, photos, **PLAIN | {"film": (1.0, 0.0, 0.0)}, separations=1.0)
    torch.testing.assert_close(truth.damaged[:, 0], truth.damaged[:, 2], rtol=0, atol=1e-5)


def test_the_blocks_of_a_cropped_jpeg_begin_anywhere(simulator, photos):
    """How far neighbours differ at each of eight columns: blocks show where they begin."""

    def first_column(**conditions):
        conditions = PLAIN | {"jpeg": 1.0, "soft": 1.0, "amount": (0.0, 0.0)} | conditions
        found = []
        for seed in range(6):
            image = damage(simulator, photos, seed, **conditions).clean
            steps = (image[..., 1:] - image[..., :-1]).abs().mean((0, 1, 2))
            found.append(int(steps[:248].view(31, 8).mean(0).argmax()))
        return found

    assert set(first_column()) == {7}  # between the last column of a block and the first of the next
    assert len(set(first_column(cropped=1.0))) > 2


def test_black_and_white_stays_black_and_white(simulator, photos):
    truth = damage(
        simulator,
        photos,
        film=(1.0, 0.0, 0.0),
        coloured=(1.0, 1.0),
        scratches=1.0,
        details=1.0,
        misaligned=1.0,
    )
    spread = (truth.damaged.amax(1) - truth.damaged.amin(1)).amax()
    assert spread < 2 / 255  # JPEG's colour conversion rounds


def test_plates_end_within_pictures_and_their_colours_part(photos):
    grey = photos.mean(1, keepdim=True).expand_as(photos)
    for image, coloured in ((photos, True), (grey, False)):
        side = torch.arange(len(image)) % 4
        moved = misalign(image, side, Draw(len(image), torch.Generator().manual_seed(0)))
        assert moved.shape == image.shape
        assert ((moved - moved[:, :1]).abs().amax() > 0) == coloured
        assert (moved[:, 1] == image[:, 1]).float().mean() > 0.7  # green stays but where its plate has ended
        ended = [
            frame
            for frame in moved
            if any(len(frame[1].select(d, e).unique()) == 1 for d in (0, 1) for e in (0, -1))
        ]
        assert 0 < len(ended) < len(moved)


def test_scratches_run_across_the_whole_frame(simulator, photos):
    truth = damage(
        simulator, photos, scratches=1.0, amount=(0.0, 0.0), clean=0.0, details=0.0, grain=0.0, jpeg=0.0
    )
    lengths = torch.stack([truth.mask.any(2).sum(-1).flatten(), truth.mask.any(3).sum(-1).flatten()]).amax(0)
    assert (lengths > 128).float().mean() > 0.5


def test_oblong_pictures_are_damaged_too(simulator):
    truth = damage(simulator, to_tensor(skimage.data.coffee()), scratches=1.0, clean=0.0)
    assert truth.damaged.shape == (1, 3, 400, 600)
    assert truth.mask.any()


def test_atlas_reads_back_what_it_holds():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    atlas = Atlas([image[:7, :9], image])
    middle = torch.tensor([[19.5, 29.5]])
    one, zero = torch.ones(1), torch.zeros(1)
    positions = view(40, 60, middle, one, zero, one)
    whole = atlas.sample(torch.tensor([1]), torch.tensor([0]), *positions)
    np.testing.assert_array_equal((whole[0] * 255).round().byte().permute(1, 2, 0).numpy(), image)
    mirrored = atlas.sample(torch.tensor([1]), torch.tensor([0]), *view(40, 60, middle, one, zero, -one))
    torch.testing.assert_close(mirrored, whole.flip(-1))


def test_outlines_are_filled(tmp_path):
    frame = [{"label": "Dust", "points": [[10, 20], [10, 30], [30, 30], [30, 20]]}]
    path = tmp_path / "frame-01.json"
    path.write_text(json.dumps(frame))
    plate = outline_plate(path, np.random.default_rng(0))
    assert plate[25, 20, 0] == 255
    # corners are pixel centres, and the antialiased edge reaches half a pixel beyond
    assert plate[..., 0].sum() / 255 == pytest.approx(21 * 11, rel=0.06)


def test_hairs_are_thin_long_and_each_with_a_number():
    few, again, many = (hair_plate(512, count, np.random.default_rng(3)) for count in (4, 4, 24))
    assert few.shape == (512, 512, 2)
    assert few.dtype == np.uint8
    assert np.array_equal(few, again)
    assert 0 < (few[..., 0] > 0).mean() < 0.5 * (many[..., 0] > 0).mean()
    opaque = (few[..., 0] > 127).astype(np.uint8)
    # strokes of at most 8 pixels; where hairs cross or curl, a little more
    assert np.quantile(cv2.distanceTransform(opaque, cv2.DIST_L2, 5)[opaque > 0], 0.95) <= 5
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opaque, connectivity=8)
    assert stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max() > 60
    for label in range(1, count):
        assert len(np.unique(few[..., 1][labels == label])) == 1


def test_details_are_chosen_by_their_names():
    count = len(DETAILS)
    assert plates_of(("print",), 2 * count) == [1, 2, 3, 4, count + 1, count + 2, count + 3, count + 4]
    assert plates_of(("wires", "lettering"), count) == [0, 5]
    with pytest.raises(DsrError, match="no details birds; there are lettering, print"):
        plates_of(("birds",), count)


def test_density_and_growth_of_points_can_be_told(simulator, photos):
    plain = dict.fromkeys(("clean", "jpeg", "scratches", "sharpening"), 0.0)
    plain |= {"amount": (0.0, 0.0), "points": 1.0, "point_growth": (0.0, 0.0)}
    few, many = (
        damage(simulator, photos, point_density=(share, share), **plain).alteration for share in (1e-3, 2e-2)
    )
    assert 5 * (few > 0).float().mean() < (many > 0).float().mean() < 0.1
    count, _, stats, _ = cv2.connectedComponentsWithStats((few[0, 0] > 0.05).numpy().astype(np.uint8))
    assert count > 20
    assert np.median(stats[1:, cv2.CC_STAT_AREA]) == 1


def test_blur_keeps_the_mean_and_has_the_asked_width():
    point = torch.zeros(2, 1, 41, 41)
    point[:, :, 20, 20] = 1
    sigma = torch.tensor([0.0, 1.5])
    blurred = blur(point, sigma)
    assert torch.equal(blurred[0], point[0])
    t = torch.arange(41.0) - 20
    variance = (blurred[1, 0].sum(0) * t**2).sum()
    assert variance.sqrt() == pytest.approx(1.5, rel=0.02)  # the kernel ends at 4 sigma
    torch.testing.assert_close(blurred.sum((1, 2, 3)), torch.ones(2))


def test_grain_has_the_asked_depth_in_the_midtones():
    grey = torch.full((1, 3, 256, 256), 0.5)
    depth, clump = torch.tensor([0.05]), torch.tensor([1.0])
    for colour in (0.0, 1.0):
        noise = grain(grey, depth, clump, torch.tensor([colour]), torch.Generator().manual_seed(0))
        assert noise.std() == pytest.approx(0.05, rel=0.1)
        assert (noise[:, 0] == noise[:, 1]).all() == (colour == 0)


def test_jpeg_agrees_with_a_real_encoder():
    photo = skimage.data.astronaut()[:256, :256]
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        75,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    coded = cv2.imdecode(cv2.imencode(".jpg", photo[..., ::-1], options)[1], cv2.IMREAD_COLOR)[..., ::-1]
    ours = jpeg(to_tensor(photo), torch.tensor([75.0]))[0].permute(1, 2, 0).numpy() * 255
    error, loss = np.abs(ours - coded).mean(), np.abs(coded.astype(float) - photo).mean()
    ours_loss = np.abs(ours - photo).mean()
    # coefficients near a rounding boundary fall to either side; the damage done must be the same
    assert error < 0.25 * loss
    assert ours_loss == pytest.approx(loss, rel=0.03)


def test_conditions_are_checked_by_name():
    with pytest.raises(TypeError):
        FilmDamage(None, None, Conditions()).with_conditions(dust=1)  # type: ignore[arg-type]


def test_the_command_writes_triplets_that_agree(tmp_path):
    photo = tmp_path / "coffee.png"
    cv2.imwrite(str(photo), skimage.data.coffee()[..., ::-1])
    assert main(["simulate", str(photo), "--output-dir", str(tmp_path / "out"), "--kind", "heavy"]) == 0
    damaged, clean, mask = (
        cv2.imread(str(tmp_path / "out" / f"coffee.{name}.png"), cv2.IMREAD_UNCHANGED)
        for name in ("damaged", "clean", "mask")
    )
    assert damaged.shape == clean.shape == (400, 600, 3)
    assert set(np.unique(mask)) == {0, 255}
    assert np.abs(damaged.astype(int) - clean)[mask > 0].max(-1).mean() > 5


def test_the_command_refuses_what_is_no_photograph(tmp_path, capsys):
    text = tmp_path / "a.png"
    text.write_text("no photograph")
    assert main(["simulate", str(text), "--output-dir", str(tmp_path)]) == 1
    assert "not a readable photograph" in capsys.readouterr().err


@pytest.mark.parametrize("side", range(4))
def test_a_border_row_is_repeated_on_the_side_asked_for(side):
    images = torch.rand(2, 3, 20, 30, generator=torch.Generator().manual_seed(side))
    both = repeat_border(images, torch.tensor([side, side]), torch.tensor([6, 1]))
    image, repeated = images[0], both[0]
    assert not torch.equal(both[1], images[1])
    dim, length = (1, 20) if side >= 2 else (2, 30)
    last, border = (6, 0) if side % 2 == 0 else (length - 7, length - 6)
    row = image.narrow(dim, last, 1)
    assert (repeated.narrow(dim, border, 6) == row).all()
    kept = 6 if side % 2 == 0 else 0
    assert torch.equal(repeated.narrow(dim, kept, length - 6), image.narrow(dim, kept, length - 6))


def test_frames_with_repeated_borders_stay_whole(simulator, photos):
    truth = damage(simulator, photos, bordered=1.0, clean=0.0, jpeg=0.0)
    altered = (truth.damaged - truth.clean).abs().amax(1, keepdim=True)
    assert torch.equal(altered, truth.alteration)
    assert truth.mask.any()


def grey(n=16, size=96, value=0.5):
    return torch.full((n, 3, size, size), value)


def frames(n, seed=0):
    return Draw(n, torch.Generator().manual_seed(seed))


def test_points_are_small_and_of_many_opacities():
    image = grey()
    mono = torch.zeros(16, 1, 1, 1, dtype=torch.bool)
    change = (
        (lay_points(image, mono, frames(16), (0.5, 0.5, 0.0), (1e-4, 2e-2), (0.0, 0.5)) - image).abs().amax(1)
    )
    altered = change > 0.02
    assert 1e-4 < altered.float().mean() < 0.05
    _, _, stats, _ = cv2.connectedComponentsWithStats(altered[4].numpy().astype(np.uint8))
    assert np.median(stats[1:, cv2.CC_STAT_AREA]) <= 4
    assert change[altered].std() > 0.05


def test_stains_are_crumbled_and_of_one_or_two_dyes():
    image = grey()
    mono = torch.zeros(16, 1, 1, 1, dtype=torch.bool)
    change = (lay_stains(image, mono, frames(16)) - image).abs()
    altered = change.amax(1) > 0.02
    assert 1e-3 < altered.float().mean() < 0.4
    strongest = change.flatten(2).amax(-1)  # of each channel, (N, 3)
    assert (strongest.amax(1) > 2 * strongest.amin(1)).float().mean() > 0.5
    grey_too = lay_stains(image, torch.ones_like(mono), frames(16))
    assert (grey_too - grey_too.mean(1, keepdim=True)).abs().max() < 1e-5


def test_streaks_are_thin_and_all_in_one_direction():
    image = grey(24)
    mono = torch.zeros(24, 1, 1, 1, dtype=torch.bool)
    damaged = lay_streaks(image, mono, frames(24))
    for frame in (damaged - image).abs().amax(1):
        if frame.max() > 0.1:
            down, across = frame.diff(dim=0).abs().mean(), frame.diff(dim=1).abs().mean()
            assert max(down, across) > 1.5 * min(down, across)
    coloured = (damaged - damaged.mean(1, keepdim=True)).abs().amax((1, 2, 3)) > 0.01
    assert coloured.any()
    assert not coloured.all()
    mono_too = lay_streaks(image, torch.ones_like(mono), frames(24))
    assert (mono_too - mono_too.mean(1, keepdim=True)).abs().max() < 1e-5


def test_what_shows_in_the_shadows_alone_leaves_the_lights():
    halves = grey(64)
    halves[..., :48, :], halves[..., 48:, :] = 0.95, 0.1
    mono = torch.ones(64, 1, 1, 1, dtype=torch.bool)
    change = (lay_streaks(halves, mono, frames(64)) - halves).amax(1)
    bright = change.amax((1, 2)) > 0.1
    assert change[bright][:, 48:].mean() > 5 * change[bright][:, :48].mean()


def test_mounts_boxes_and_border_lines_change_the_picture_itself(simulator, photos):
    truth = damage(simulator, photos, framed=1.0, boxes=1.0, edged=1.0, clean=1.0)
    assert torch.equal(truth.damaged, truth.clean)
    assert not truth.mask.any()
    image = grey()
    for change in (mount, lay_boxes, border_line):
        changed = change(image, frames(16))
        assert changed.shape == image.shape
        assert 0 <= changed.min() <= changed.max() <= 1
        assert ((changed - image).abs().amax((1, 2, 3)) > 0.1).float().mean() > 0.5


def test_a_narrow_range_keeps_order_and_is_narrow():
    ramp = torch.linspace(0, 1, 64).expand(16, 2, 3, 64, 64)
    narrow = narrow_range(ramp, frames(16))
    spread = narrow.amax((-1, -2)) - narrow.amin((-1, -2))
    assert (narrow.diff(dim=-1) > 0).all()
    assert 0 <= narrow.min() <= narrow.max() <= 1
    assert spread.max() < 0.95
    assert spread.min() > 0.1
    assert torch.equal(narrow[:, 0], narrow[:, 1])


def test_faint_damage_is_weaker(simulator, photos):
    change = {
        faint: damage(simulator, photos, faint=faint, clean=0.0, jpeg=0.0, sharpening=0.0).alteration.max()
        for faint in (0.0, 1.0)
    }
    assert change[1.0] < 0.6 * change[0.0]


def test_a_soft_scan_is_softer_with_its_damage(simulator, photos):
    def sharpness(values):
        return (values[..., 1:] - values[..., :-1]).abs().mean()

    sharp, soft = (
        damage(simulator, photos, soft=share, grain=0.0, jpeg=0.0, sharpening=0.0, clean=0.0)
        for share in (0.0, 1.0)
    )
    assert sharpness(soft.clean) < 0.8 * sharpness(sharp.clean)
    assert sharpness(soft.alteration) < 0.8 * sharpness(sharp.alteration)
    assert soft.alteration.mean() > 0.8 * sharp.alteration.mean()
    difference = (soft.damaged - soft.clean).abs().amax(1, keepdim=True)
    torch.testing.assert_close(difference, soft.alteration, rtol=0, atol=1e-6)


def test_colour_at_half_resolution_keeps_the_brightness():
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
    halved = halve_chroma(image)
    luma = image.new_tensor(LUMA)[:, None, None]
    torch.testing.assert_close((halved * luma).sum(1), (image * luma).sum(1), rtol=0, atol=2e-3)
    assert (halved - halved.mean(1, keepdim=True)).std() < 0.7 * (image - image.mean(1, keepdim=True)).std()


def test_what_never_happens_takes_no_random_numbers(simulator, photos):
    plain = damage(simulator, photos)
    named = damage(simulator, photos, points=0.0, stains=0.0, streaks=0.0, boxes=0.0, narrow=0.0, soft=0.0)
    assert torch.equal(plain.damaged, named.damaged)


def test_a_drawing_goes_through_a_file(tmp_path):
    drawn = draw_plates(None, (), seed=1, count=2)
    small = Drawing([plate[:64, :80] for plate in drawn.plates[:2]], drawn.details, drawn.spots[:2])
    small.save(tmp_path / "a.npz")
    read = load_drawing(tmp_path / "a.npz", seed=1)
    for mine, theirs in zip(small.plates + small.details, read.plates + read.details, strict=True):
        assert np.array_equal(mine, theirs)
    assert np.array_equal(read.spots, small.spots)
    (tmp_path / "b.npz").write_text("no drawing")
    with pytest.raises(DsrError, match="no drawing"):
        load_drawing(tmp_path / "b.npz", seed=1)
