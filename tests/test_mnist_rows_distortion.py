"""Each random change is as large as it is said to be, and no larger; without any, a picture stays what it is."""

import numpy as np
import pytest

from apps.mnist_rows.distortion import Distortion, distort

NONE = Distortion(shift=0.0, turn=0.0, scaling=0.0, shear=0.0, waves=0.0)
COUNT = 400


def pictures_of(function):
    """Many times the same picture: `function` of row and column, counted from the middle."""
    row, column = np.indices((28, 28), np.float32) - 13.5
    return np.repeat(function(row, column).astype(np.float32)[None], COUNT, axis=0)


BLOB = pictures_of(lambda row, column: np.exp(-(row**2 + column**2) / 24))
ELLIPSE = pictures_of(lambda row, column: np.exp(-(row**2) / 32 - column**2 / 8))  # upright
DISTANT = pictures_of(lambda row, column: np.exp(-((row - 7) ** 2 + (column + 7) ** 2) / 8))


def changed(pictures, seed=0, **kinds):
    settings = {name: getattr(NONE, name) for name in ("shift", "turn", "scaling", "shear", "waves")} | kinds
    return distort(pictures, Distortion(**settings), np.random.default_rng(seed))


def moments(pictures):
    """Centres, (pictures, 2), and covariances, (pictures, 2, 2), in pixels: rows, then columns."""
    weights = pictures / pictures.sum(axis=(1, 2), keepdims=True)
    places = np.indices((28, 28)).reshape(2, -1) - 13.5
    weights = weights.reshape(len(pictures), -1)
    centres = weights @ places.T
    apart = places[None] - centres[:, :, None]
    return centres, np.einsum("nip,njp,np->nij", apart, apart, weights)


def test_no_distortion_changes_nothing():
    pictures = np.random.default_rng(1).random((9, 28, 28), np.float32)
    kept = pictures.copy()
    found = changed(pictures)
    np.testing.assert_allclose(found, pictures, atol=1e-5)
    assert found.dtype == np.float32 and found.shape == (9, 28, 28)
    changed(pictures, shift=3.0, waves=2.0)
    np.testing.assert_array_equal(pictures, kept)


def assert_spread(values, largest):
    """Even between -largest and largest."""
    assert np.abs(values).max() <= 1.03 * largest
    assert values.max() > 0.9 * largest and values.min() < -0.9 * largest
    assert abs(values.mean()) < 0.15 * largest
    assert values.std() == pytest.approx(largest / 3**0.5, rel=0.15)


def test_shifts():
    centres, covariances = moments(changed(BLOB, shift=3.0))
    assert_spread(centres[:, 0], 3.0)
    assert_spread(centres[:, 1], 3.0)
    assert abs(np.corrcoef(centres.T)[0, 1]) < 0.2
    np.testing.assert_allclose(covariances, covariances.mean(axis=0)[None].repeat(COUNT, axis=0), atol=0.3)


def test_turns():
    _, covariances = moments(changed(ELLIPSE, turn=12.0))
    angles = 0.5 * np.arctan2(2 * covariances[:, 0, 1], covariances[:, 0, 0] - covariances[:, 1, 1])
    assert_spread(np.rad2deg(angles), 12.0)
    np.testing.assert_allclose(np.linalg.det(covariances), np.linalg.det(covariances).mean(), rtol=0.1)


def test_scaling_of_height_and_width():
    _, covariances = moments(changed(BLOB, scaling=0.12))
    _, whole = moments(BLOB)
    height, width = (np.sqrt(whole[0, side, side] / covariances[:, side, side]) for side in (0, 1))
    assert_spread(height - 1.0, 0.12)
    assert_spread(width - 1.0, 0.12)
    assert abs(np.corrcoef(height, width)[0, 1]) < 0.2


def test_shear_moves_rows_sideways():
    _, covariances = moments(changed(ELLIPSE, shear=0.15))
    assert_spread(covariances[:, 0, 1] / covariances[:, 0, 0], 0.15)
    _, whole = moments(ELLIPSE)
    np.testing.assert_allclose(covariances[:, 0, 0], whole[:, 0, 0], rtol=0.03)


def test_waves_bend_differently_in_different_places():
    near, far = (moments(changed(pictures, waves=1.5))[0] - moments(pictures)[0] for pictures in (BLOB, DISTANT))
    for moved in (near, far):
        assert 0.3 < moved.std() < 1.5 and np.abs(moved).max() < 5.0
    assert abs(np.corrcoef(near[:, 0], far[:, 0])[0, 1]) < 0.7  # the same draws, 10 pixels apart
    strength = np.abs(near).max(axis=1)
    assert np.count_nonzero(strength < 0.2) > COUNT / 8  # many pictures are hardly bent


def test_every_picture_has_changes_of_its_own_that_follow_from_the_generator():
    everything = Distortion()
    found = distort(BLOB, everything, np.random.default_rng(5))
    assert len(np.unique(found.reshape(COUNT, -1), axis=0)) == COUNT
    np.testing.assert_array_equal(found, distort(BLOB, everything, np.random.default_rng(5)))
    assert np.abs(found - distort(BLOB, everything, np.random.default_rng(6))).max() > 0.3


def test_what_leaves_the_frame_is_gone_and_nothing_comes_in():
    white = np.ones((50, 28, 28), np.float32)
    found = changed(white, shift=3.0)
    assert found.min() == 0.0 and found.max() <= 1.0
    rows = found[:, 5:-5, 14]
    np.testing.assert_allclose(rows, 1.0, atol=1e-5)
    lost = 784 - found.sum(axis=(1, 2))
    assert 0 < lost.mean() < 3 * 28 * 2
