"""Pictures of digits as people take them: on ruled or squared paper, in boxes, with shadows, on a table, and so on.

Each kind is a function of KINDS; everything in it is drawn by chance: sizes, colours, places, angles, light, noise.
"""

import cv2
import numpy as np

# A digit as strokes of points (column, row), in a box of 100 x 100; smoothed and shaken before it is drawn.
STROKES = {
    0: ["50,0 15,15 5,50 15,85 50,100 85,85 95,50 85,15 50,0"],
    1: ["50,0 50,50 50,100"],
    2: ["10,20 30,2 70,2 85,25 70,50 30,80 8,100", "8,100 50,98 92,100"],
    3: ["12,10 50,0 82,20 72,42 40,50", "40,50 80,58 88,80 50,100 10,88"],
    4: ["30,0 20,30 10,60", "10,60 50,60 90,58", "75,10 70,50 68,100"],
    5: ["85,2 50,2 22,4", "22,4 20,25 18,45", "18,45 55,38 88,65 65,95 10,95"],
    6: ["70,0 35,25 12,65 30,97 65,98 85,75 60,52 25,60 14,75"],
    7: ["8,4 50,3 90,3", "90,3 60,45 40,100"],
    8: ["80,15 50,0 20,17 40,42 75,65 75,92 45,100 18,85 30,60 65,40 80,15"],
    9: ["85,25 55,0 20,15 25,42 60,45 85,22", "85,22 82,60 72,100"],
}


def digit_mask(digit, height, generator, pen=None):
    """A handwritten digit, float (rows, columns) up to 1, about `height` high, with a pen of `pen` of its height."""
    pen = max(2, round(height * (pen or generator.uniform(0.06, 0.14))))
    width = height * generator.uniform(0.5, 0.75)
    edge = pen + height // 8
    canvas = np.zeros((height + 2 * edge, round(width) + 2 * edge), np.uint8)
    slant = generator.uniform(-0.25, 0.1)
    for stroke in STROKES[digit]:
        places = np.array([point.split(",") for point in stroke.split()], float) / 100
        points = places + generator.normal(0, 0.012, places.shape)
        if np.allclose(places[0], places[-1]):
            points[-1] = points[0]
        points = _smooth(points) * [width, height]
        points[:, 0] += slant * (height / 2 - points[:, 1])
        whole = np.round((points + edge) * 16).astype(np.int32)
        cv2.polylines(canvas, [whole[:, None]], False, 255, pen, cv2.LINE_AA, shift=4)
    return cropped(canvas.astype(np.float32) / 255)


def _smooth(points, steps=12):
    """A curve through the points (Catmull and Rom 1974)."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate(pieces)


def cropped(mask):
    rows, columns = np.flatnonzero(mask.max(axis=1) > 0.1), np.flatnonzero(mask.max(axis=0) > 0.1)
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def enlarged(picture, height):
    """One of MNIST's pictures, uint8 (28, 28), as a mask of that height with a pen's edges."""
    mask = cropped(picture.astype(np.float32) / 255)
    factor = height / mask.shape[0]
    size = (max(2, round(mask.shape[1] * factor)), round(height))
    large = cv2.resize(np.pad(mask, 2), None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(large, (0, 0), factor / 3)
    sharp = np.clip((large - 0.38) * min(factor, 6) / 2 + 0.5, 0, 1)
    return cv2.resize(cropped(sharp), size, interpolation=cv2.INTER_AREA)


class Scene:
    """A sheet of paper with a digit, to be drawn on and then photographed. `make` gives a mask of a height.

    share: the digit's height, of the sheet's shorter side.
    """

    def __init__(self, make, generator, share=None, dark=None, size=None, pen_contrast=None, places=None):
        self.generator = generator
        uniform = generator.uniform
        size = size or int(uniform(220, 600))
        self.height, self.width = (round(size * uniform(0.8, 1.2)) for _ in range(2))
        self.dark = generator.random() < 0.15 if dark is None else dark
        tint = generator.normal(0, 0.03, 3)
        self.paper = np.clip((uniform(0.06, 0.3) if self.dark else uniform(0.75, 0.98)) + tint, 0, 1)
        self.pen = np.clip(self._ink(pen_contrast or uniform(0.5, 0.95)), 0, 1)
        self.image = np.ones((self.height, self.width, 3), np.float32) * self.paper.astype(np.float32)
        self.mask = np.zeros((self.height, self.width), np.float32)
        short = min(self.height, self.width)
        digit_height = round(short * (share or uniform(0.3, 0.7)))
        makes = make if isinstance(make, list) else [make]
        masks = [makes[i](round(digit_height * (1 if i == 0 else uniform(0.85, 1.15)))) for i in range(len(makes))]
        gap = digit_height * uniform(0.15, 0.5)
        total = sum(mask.shape[1] for mask in masks) + gap * (len(masks) - 1)
        if total > 0.85 * self.width:
            factor = 0.85 * self.width / total
            masks = [cv2.resize(mask, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) for mask in masks]
            gap, total = gap * factor, 0.85 * self.width
        digit_height = max(mask.shape[0] for mask in masks)
        room = self.height - digit_height, self.width - total
        top, left = (space * uniform(0.3, 0.7) for space in room) if places is None else places
        for mask in masks:
            rows, columns = mask.shape
            y, x = round(top + uniform(0, 0.06) * (digit_height if len(masks) > 1 else 0)), round(left)
            y, x = min(max(0, y), self.height - rows), min(max(0, x), self.width - columns)
            place = self.mask[y : y + rows, x : x + columns]
            np.maximum(place, mask, out=place)
            left += columns + gap
        self.box = cv2.boundingRect((self.mask > 0.3).astype(np.uint8))
        self.digit_height = digit_height

    def _ink(self, contrast):
        """A colour that far from the paper's, black, blue, red, ... or light ones on dark paper."""
        generator = self.generator
        hue = np.ones(3) if generator.random() < 0.5 else generator.uniform(0.5, 1.0, 3)
        hue = hue / hue.mean()
        return self.paper + hue * contrast * (1.0 if self.dark else -1.0) * (0.95 if self.dark else self.paper.mean())

    def lines(self, ends, width, colour):
        """Straight lines between pairs of points (column, row), in floats."""
        layer = np.zeros((self.height, self.width), np.uint8)
        for start, end in ends:
            a, b = (tuple(round(16 * value) for value in point) for point in (start, end))
            if width >= 1.0:
                cv2.line(layer, a, b, 255, round(width), cv2.LINE_AA, shift=4)
            else:
                cv2.line(layer, a, b, round(255 * width), 1, cv2.LINE_AA, shift=4)
        cover = (layer.astype(np.float32) / 255)[..., None]
        self.image = self.image * (1 - cover) + cover * np.clip(colour, 0, 1).astype(np.float32)

    def write(self):
        """The pen's digit, on top of what was printed."""
        ink = self.mask[..., None]
        self.image = self.image * (1 - ink) + ink * self.pen.astype(np.float32)
        return self

    def turned(self, point, degrees):
        centre, angle = np.array([self.width, self.height]) / 2, np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return turn @ (np.array(point, float) - centre) + centre

    def rule(self, contrast, pitch=None, upright=False, degrees=None, width=None):
        """Parallel lines over the whole sheet. pitch: of the digit's height."""
        uniform = self.generator.uniform
        degrees = uniform(-4, 4) if degrees is None else degrees
        pitch = max(12.0, self.digit_height * (pitch or uniform(0.35, 1.3)))
        width = width or max(0.8, min(self.digit_height * uniform(0.008, 0.03), 0.12 * pitch))
        far = 2 * (self.height + self.width)
        ends = []
        for place in np.arange(-far / 4 - pitch * uniform(0, 1), far / 2, pitch):
            line = [(place, -far), (place, far)] if upright else [(-far, place), (far, place)]
            ends.append([self.turned(point, degrees) for point in line])
        self.lines(ends, width, self._ink(contrast))
        return degrees

    def photographed(self, blur=None, noise=None, quality=None, light=None):
        """-> uint8 (rows, columns, 3), with some uneven light, blur, noise."""
        generator, uniform = self.generator, self.generator.uniform
        image = self.image * _light(self.image.shape[:2], generator, uniform(0, 0.2) if light is None else light)
        image = cv2.GaussianBlur(image, (0, 0), uniform(0.3, 1.0) if blur is None else blur)
        noise = uniform(0, 0.02) if noise is None else noise
        image = image + generator.normal(0, noise, image.shape) + generator.normal(0, noise / 2, (*image.shape[:2], 1))
        image = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
        if quality or generator.random() < 0.5:
            code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(quality or uniform(50, 95))])[1]
            image = cv2.imdecode(code, cv2.IMREAD_COLOR)
        return image


def _light(shape, generator, strength):
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    a, b, c = generator.normal(0, 0.5, 3)
    return (1 - strength * np.clip(0.5 + a * x + b * y + c * x * y, 0, 1.3))[..., None].astype(np.float32)


def plain(make, generator):
    return Scene(make, generator).write().photographed()


def ruled_pale(make, generator):
    scene = Scene(make, generator)
    scene.rule(generator.uniform(0.1, 0.3))
    return scene.write().photographed()


def ruled_strong(make, generator):
    scene = Scene(make, generator)
    scene.rule(generator.uniform(0.4, 0.9))
    return scene.write().photographed()


def ruled_with_margin(make, generator):
    scene = Scene(make, generator, share=generator.uniform(0.2, 0.45))
    degrees = scene.rule(generator.uniform(0.15, 0.7), pitch=generator.uniform(0.5, 1.3))
    x = generator.choice([generator.uniform(0.05, 0.2), generator.uniform(0.8, 0.95)]) * scene.width
    ends = [scene.turned((x, y * scene.height), degrees) for y in (-1, 2)]
    scene.lines([ends], generator.uniform(1, 3), [0.8, 0.3, 0.3])
    return scene.write().photographed()


def squared(make, generator):
    scene = Scene(make, generator)
    contrast, pitch = generator.uniform(0.12, 0.6), generator.uniform(0.2, 0.7)
    degrees = scene.rule(contrast, pitch)
    scene.rule(contrast, pitch, upright=True, degrees=degrees)
    return scene.write().photographed()


def table_cell(make, generator):
    scene = Scene(make, generator, share=generator.uniform(0.25, 0.45))
    contrast, width = generator.uniform(0.4, 0.95), generator.uniform(1, 4)
    degrees = scene.rule(contrast, generator.uniform(1.3, 1.8), width=width)
    scene.rule(contrast, generator.uniform(1.3, 2.2), upright=True, degrees=degrees, width=width)
    return scene.write().photographed()


def box(make, generator):
    """A rectangle around the digit, by a ruler or by hand."""
    scene, uniform = Scene(make, generator, share=generator.uniform(0.25, 0.55)), generator.uniform
    x, y, w, h = scene.box
    left, top, right, bottom = scene.digit_height * uniform(0.12, 0.4, 4) * [-1, -1, 1, 1] + [x, y, x + w, y + h]
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    corners += uniform(-1, 1, corners.shape) * scene.digit_height * (0.04 if generator.random() < 0.5 else 0)
    ends = list(zip(corners, np.roll(corners, -1, axis=0), strict=True))
    scene.lines(ends, max(1.2, scene.digit_height * uniform(0.01, 0.07)), scene._ink(uniform(0.4, 0.95)))
    return scene.write().photographed()


def frame(make, generator):
    """A thick frame along the picture's edges, or some of them; or a scanner's black border."""
    scene, uniform = Scene(make, generator, share=generator.uniform(0.25, 0.5)), generator.uniform
    scene.write()
    w = np.round(min(scene.height, scene.width) * uniform(0.02, 0.1, 4) * (generator.random(4) < 0.85)).astype(int)
    colour = np.clip(scene._ink(uniform(0.6, 0.98)), 0, 1)
    inset = round(min(scene.height, scene.width) * uniform(0.0, 0.06)) if generator.random() < 0.4 else 0
    part = scene.image[inset : scene.height - inset, inset : scene.width - inset]
    kept = part[w[0] : part.shape[0] - w[1], w[2] : part.shape[1] - w[3]].copy()
    part[:] = colour
    part[w[0] : part.shape[0] - w[1], w[2] : part.shape[1] - w[3]] = kept
    return scene.photographed()


def underlined(make, generator):
    scene, uniform = Scene(make, generator), generator.uniform
    x, y, w, h = scene.box
    height = y + h + scene.digit_height * uniform(0.06, 0.2)
    more = scene.digit_height * uniform(0.05, 0.6, 2)
    tilt = scene.digit_height * uniform(-0.04, 0.04)
    ends = [(x - more[0], height - tilt), (x + w + more[1], height + tilt)]
    lines = [ends] if generator.random() < 0.7 else [ends, [(a, b + 0.08 * scene.digit_height) for a, b in ends]]
    scene.lines(lines, max(1.5, scene.digit_height * uniform(0.015, 0.07)), scene.pen)
    return scene.write().photographed()


def _half_plane(scene, softness):
    """1 on one side of a line that passes near the digit, 0 on the other."""
    generator = scene.generator
    x, y, w, h = scene.box
    point = np.array([x + w * generator.uniform(-0.2, 1.2), y + h * generator.uniform(-0.2, 1.2)])
    angle = generator.uniform(0, 2 * np.pi)
    rows, columns = np.indices((scene.height, scene.width))
    distance = (columns - point[0]) * np.cos(angle) + (rows - point[1]) * np.sin(angle)
    return np.clip(distance / softness + 0.5, 0, 1)[..., None].astype(np.float32)


def shadow(make, generator):
    scene = Scene(make, generator, dark=generator.random() < 0.08).write()
    side = _half_plane(scene, generator.uniform(1, 8))
    if generator.random() < 0.3:
        side = side * _half_plane(scene, generator.uniform(1, 8))
    scene.image = scene.image * (1 - side * generator.uniform(0.2, 0.6))
    return scene.photographed()


def on_table(make, generator, prepare=lambda scene: None, partly=False):
    """A sheet seen from nearly above, on a darker table (dark sheets on a lighter one), with grain."""
    uniform = generator.uniform
    scene = Scene(make, generator, share=generator.uniform(0.3, 0.65), size=int(generator.uniform(200, 600)))
    prepare(scene)
    scene.write()
    h, w = scene.height, scene.width
    size = (round(w * uniform(1.15, 1.8)), round(h * uniform(1.15, 1.8)))
    offset = np.array([(size[0] - w) * uniform(0.2, 0.8), (size[1] - h) * uniform(0.2, 0.8)])
    if partly:  # the sheet goes on beyond one or two edges of the picture
        offset = np.where(generator.random(2) < 0.6, -0.08 * np.array([w, h]), offset)
    angle = np.deg2rad(uniform(-12, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], float)
    seen = (corners - [w / 2, h / 2]) @ turn.T + [w / 2, h / 2] + offset + uniform(-0.03, 0.03, (4, 2)) * min(w, h)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32))
    cover = cv2.warpPerspective(np.ones((h, w), np.float32), matrix, size)[..., None]
    sheet = cv2.warpPerspective(scene.image, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    table = _table(size, generator, scene.paper.mean(), scene.dark)
    if generator.random() < 0.6:  # the sheet's own shadow
        thrown = cv2.GaussianBlur(np.roll(cover[..., 0], generator.integers(-6, 7, 2), (0, 1)), (0, 0), uniform(1, 5))
        table = table * (1 - uniform(0.1, 0.5) * thrown[..., None])
    scene.image = (cover * sheet + (1 - cover) * table).astype(np.float32)
    return scene.photographed()


def _table(size, generator, paper, dark):
    """Wood, cloth or plastic, darker than the paper; lighter if the paper is dark."""
    w, h = size
    value = min(0.95, paper + generator.uniform(0.3, 0.5)) if dark else paper * generator.uniform(0.15, 0.7)
    colour = np.clip(value * (1 + generator.normal(0, 0.15, 3)), 0, 1)
    rough = cv2.GaussianBlur(generator.normal(0, 1, (h, w)).astype(np.float32), (0, 0), generator.uniform(1, 3))
    long = generator.uniform(10, 60)
    blur = (long, generator.uniform(0.8, 3)) if generator.random() < 0.5 else (generator.uniform(0.8, 3), long)
    grain = cv2.GaussianBlur(generator.normal(0, 1, (h, w)).astype(np.float32), (0, 0), sigmaX=blur[0], sigmaY=blur[1])
    texture = generator.uniform(0, 0.1) * rough / rough.std() + generator.uniform(0, 0.15) * grain / grain.std()
    return colour * (1 + texture[..., None])


def sheet_partly(make, generator):
    return on_table(make, generator, partly=True)


def ruled_on_table(make, generator):
    return on_table(make, generator, lambda scene: scene.rule(scene.generator.uniform(0.15, 0.7)))


def thumb(make, generator):
    """Something large and dark at the picture's edge, beside the digit: a finger, a clip, a stain."""
    scene, uniform = Scene(make, generator, share=generator.uniform(0.25, 0.5)).write(), generator.uniform
    short = min(scene.height, scene.width)
    radius = short * uniform(0.08, 0.2)
    along = uniform(0, 1)
    centre = np.array([along, generator.integers(2)])[:: generator.choice([-1, 1])] * [scene.width, scene.height]
    layer = np.zeros((scene.height, scene.width), np.uint8)
    axes = (round(radius * uniform(0.7, 1.0)), round(radius))
    cv2.ellipse(layer, tuple(round(value) for value in centre), axes, uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    layer[cv2.dilate(scene.mask, np.ones((15, 15))) > 0.1] = 0
    cover = (layer.astype(np.float32) / 255)[..., None]
    scene.image = scene.image * (1 - cover) + cover * np.clip(scene._ink(uniform(0.3, 0.9)), 0, 1).astype(np.float32)
    return scene.photographed()


def blurred(make, generator):
    scene = Scene(make, generator).write()
    return scene.photographed(blur=scene.digit_height * generator.uniform(0.02, 0.06))


def low_contrast(make, generator):
    scene = Scene(make, generator, pen_contrast=generator.uniform(0.12, 0.25)).write()
    return scene.photographed(noise=generator.uniform(0, 0.01), light=0.1)


def compressed(make, generator):
    return Scene(make, generator).write().photographed(quality=generator.uniform(8, 25))


def slanted(make, generator):
    """Up to 30 degrees to either side."""
    degrees = generator.uniform(15, 30) * generator.choice([-1, 1])
    slope = float(np.tan(np.deg2rad(degrees)))

    def make_slanted(height):
        mask = make(height)
        rows, columns = mask.shape
        matrix = np.array([[1, -slope, max(0.0, slope) * rows], [0, 1, 0]])
        return cropped(cv2.warpAffine(mask, matrix, (columns + round(abs(slope) * rows), rows)))

    return Scene(make_slanted, generator).write().photographed()


def noisy(make, generator):
    return Scene(make, generator).write().photographed(noise=generator.uniform(0.03, 0.08))


def uneven_light(make, generator):
    return Scene(make, generator).write().photographed(light=generator.uniform(0.3, 0.6))


KINDS = {
    function.__name__: function
    for function in (
        plain, blurred, low_contrast, compressed, slanted, noisy, uneven_light,
        ruled_pale, ruled_strong, ruled_with_margin, squared, table_cell, box, frame, underlined, shadow,
        on_table, sheet_partly, ruled_on_table, thumb,
    )
}  # fmt: skip


def photograph(kind, digit, number):
    """One of that kind, uint8 (rows, columns, 3), of a digit; another one for each number."""
    generator = np.random.default_rng([list(KINDS).index(kind), digit, number])
    return KINDS[kind](lambda height: digit_mask(digit, height, generator), generator)


def _drawn(strokes, height, generator):
    """A mask of strokes, each float (points, 2) of columns and rows from 0 to 1."""
    pen = max(2, round(height * generator.uniform(0.05, 0.12)))
    canvas = np.zeros((height + 4 * pen, height + 4 * pen), np.uint8)
    for points in strokes:
        whole = np.round((points * height + 2 * pen) * 16).astype(np.int32)
        cv2.polylines(canvas, [whole[:, None]], False, 255, pen, cv2.LINE_AA, shift=4)
    return cropped(canvas.astype(np.float32) / 255)


def scribble(height, generator):
    points = generator.uniform(0, 1, (generator.integers(8, 20), 2))
    return _drawn([_smooth(points)], height, generator)


def letter(height, generator):
    """One that is like no digit."""
    canvas = np.zeros((400, 400), np.uint8)
    text = generator.choice(list("AEFHKMNRWXYPaekmwx"))
    font = int(generator.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX]))
    cv2.putText(canvas, text, (100, 250), font, 6, 255, int(generator.integers(12, 26)), cv2.LINE_AA)
    mask = cropped(canvas.astype(np.float32) / 255)
    return cv2.resize(
        mask, (max(2, round(mask.shape[1] * height / mask.shape[0])), height), interpolation=cv2.INTER_AREA
    )


def shape(height, generator):
    """A star, a cross, a net, a heart, a spiral, a solid square, ..."""
    turn = np.linspace(0, 1, 60)
    circle = lambda t, r: 0.5 + r[:, None] * np.stack([np.sin(2 * np.pi * t), -np.cos(2 * np.pi * t)], axis=1)  # noqa: E731
    corners = int(generator.integers(3, 8))
    ring = np.arange(corners * 2 + 1) / (corners * 2)
    x = (turn - 0.5) * 2 * np.pi
    heart = np.stack(
        [16 * np.sin(x) ** 3, -13 * np.cos(x) + 5 * np.cos(2 * x) + 2 * np.cos(3 * x) + np.cos(4 * x)], axis=1
    )
    kinds = (
        [circle(ring, np.where(np.arange(corners * 2 + 1) % 2, 0.2, 0.5))],
        [np.array([[0, 0], [1, 1.0]]), np.array([[1, 0], [0, 1.0]])],
        [np.array([[0, v], [1, v]]) for v in (0.2, 0.5, 0.8)] + [np.array([[v, 0], [v, 1]]) for v in (0.2, 0.5, 0.8)],
        [heart / 34 + 0.5],
        [circle(turn * 3, turn * 0.5)],
        [np.array([[v, 0], [v, 1.0]]) for v in np.linspace(0, 1, 30)],
        [np.array([[0, 0.9], [0.3, 0.1], [0.5, 0.8], [0.7, 0.1], [1, 0.9]])],
        [np.array([[0, 1], [0, 0.5], [0.5, 0], [1, 0.5], [1, 1], [0, 1], [1, 0.5], [0, 0.5], [1, 1.0]])],
    )
    return _drawn(kinds[generator.integers(len(kinds))], height, generator)


def blots(height, generator):
    """Spots of no shape."""
    rough = cv2.GaussianBlur(generator.normal(0, 1, (height, height)).astype(np.float32), (0, 0), height * 0.07)
    return cropped(np.clip(rough / rough.std() * 3 - 1.5, 0, 1))


GARBAGE = {function.__name__: function for function in (scribble, letter, shape, blots)}


def photograph_of_number(digits, number):
    """Digits side by side, some on ruled paper, as `photograph`."""
    generator = np.random.default_rng([*digits, number])
    makes = [lambda height, digit=digit: digit_mask(digit, height, generator) for digit in digits]
    scene = Scene(makes, generator, share=generator.uniform(0.25, 0.5))
    if generator.random() < 0.4:
        scene.rule(generator.uniform(0.1, 0.6))
    return scene.write().photographed()
