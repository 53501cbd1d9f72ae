"""Small scans for src/volume's tests, with what nibabel says about them.

Writes test/fixtures/volumes/: NIfTI files and expected.json (affine, shape, orientation, values),
and NumPy archives whose values their test knows.

    python3 oracle/volumes.py
"""

import json
import os
import warnings

import nibabel as nib
import numpy as np

OUT = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "volumes")
os.makedirs(OUT, exist_ok=True)
rng = np.random.default_rng(7)

SHAPE = (4, 5, 6)


def rotation(x, y, z):
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return rz @ ry @ rx


def affine(matrix, offset=(-20.5, 31.25, 7.75)):
    result = np.eye(4)
    result[:3, :3] = matrix
    result[:3, 3] = offset
    return result


straight = affine(np.diag([2.0, 2.5, 3.0]))
oblique = affine(rotation(0.3, -0.2, 0.5) @ np.diag([0.7, 1.1, 2.9]))
left_handed = affine(rotation(0.1, 0.2, -0.4) @ np.diag([-0.7, 1.1, 2.9]))
lsa = affine(np.array([[-2.0, 0, 0], [0, 0, 3.0], [0, 2.5, 0]]))
sheared = affine(rotation(0.3, -0.2, 0.5) @ np.array([[1, 0.2, 0], [0, 1, 0.1], [0, 0, 1.5]]))


def floats(shape=SHAPE):
    return rng.normal(size=shape).astype(np.float32)


def ints(dtype, shape=SHAPE):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)


expected = {}


def save(name, data, matrix, kind=nib.Nifti1Image, sform=1, qform=1, slope=None, units="mm", header=None, qmatrix=None):
    image = kind(data, matrix, header=header, dtype=data.dtype)
    image.set_sform(matrix if sform else None, sform)
    q = matrix if qmatrix is None else qmatrix
    image.set_qform(q if qform else None, qform)
    image.header.set_xyzt_units(units)
    if slope:
        image = kind(data, image.affine, header=image.header, dtype=data.dtype)
        image.header.set_slope_inter(*slope)
    path = os.path.join(OUT, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nib.save(image, path)
    if slope:  # nibabel recomputes the scaling: put the raw values and ours in
        with open(path, "r+b") as file:
            file.seek(112)
            file.write(np.array(slope, "<f4").tobytes())
            file.seek(352)
            file.write(data.tobytes(order="F"))
    again = nib.load(path)
    values = np.asarray(again.dataobj)
    if values.dtype.names:
        values = np.stack([values[c] for c in values.dtype.names], axis=-1)
    # [x, y, z, ...] with x fastest, the dimensions beyond the third slowest
    spatial = (values.shape + (1,))[:3]
    flat = values.astype(np.float64).reshape(spatial + (-1,)).transpose(3, 2, 1, 0)
    expected[name] = {
        "affine": again.affine.tolist(),
        "shape": list(flat.shape),
        "axes": "".join(nib.aff2axcodes(again.affine)),
        "values": [float(np.float32(v)) for v in flat.ravel()],
    }


save("straight_f4.nii.gz", floats(), straight)
save("oblique_i2.nii", ints(np.int16), oblique)
save("oblique_left_handed_f4.nii.gz", floats(), left_handed)
save("lsa_u1.nii.gz", ints(np.uint8), lsa)
save("u2.nii.gz", ints(np.uint16), straight)
save("i4.nii.gz", rng.integers(-(2**20), 2**20, SHAPE).astype(np.int32), straight)
save("f8.nii.gz", rng.normal(size=SHAPE), straight)
save("i8.nii.gz", rng.integers(-1000, 1000, SHAPE), straight)
save("time_f4.nii.gz", floats((4, 5, 6, 3)), oblique)
save("vector_f4.nii.gz", floats((4, 5, 6, 1, 3)), oblique)
save("flat_u1.nii.gz", ints(np.uint8, (4, 5)), straight)
save("sform_only_f4.nii.gz", floats(), oblique, qform=0)
save("qform_only_f4.nii.gz", floats(), oblique, sform=0)
save("neither_u1.nii.gz", ints(np.uint8), straight, sform=0, qform=0)
# The sform of a registered scan (4 = MNI) beside the scanner's qform.
save("disagreeing_f4.nii.gz", floats(), oblique, sform=4, qmatrix=affine(np.diag([0.7, 1.1, 2.9])))
save("sheared_f4.nii.gz", floats(), sheared, qform=0)
save("slope_i2.nii", ints(np.int16), oblique, slope=(0.25, -1024.0))
save("inter_u1.nii", ints(np.uint8), oblique, slope=(1.0, -1024.0))
save("big_endian_i2.nii", ints(np.int16), oblique, header=nib.Nifti1Header(endianness=">"))
save("nifti2_f4.nii.gz", floats(), oblique, kind=nib.Nifti2Image)
rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
for channel in rgb.dtype.names:
    rgb[channel] = ints(np.uint8)
save("rgb_u1.nii.gz", rgb, straight)

# Every array holds 0 … 5 in row-major order, whatever its type, byte order and memory order.
counted = np.arange(6).reshape(2, 3)
np.savez(
    os.path.join(OUT, "counted.npz"),
    **{kind: counted.astype(kind) for kind in "u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8".split()},
    big=counted.astype(">i4"),
    fortran=np.asfortranarray(counted.astype("f4")),
    fortran3=np.asfortranarray(np.arange(6.0).reshape(1, 2, 3)),
    bool=counted % 2 == 1,
    scalar=np.float64(3.5),
    empty=np.zeros((0, 3), "f4"),
)
np.savez_compressed(os.path.join(OUT, "compressed.npz"), **{"layer.weight": counted.astype("f4")})
np.savez(os.path.join(OUT, "objects.npz"), a=np.array([{}], dtype=object))

with open(os.path.join(OUT, "expected.json"), "w") as file:
    json.dump(expected, file, separators=(",", ":"))
print(f"{len(expected)} files, {sum(os.path.getsize(os.path.join(OUT, f)) for f in os.listdir(OUT)) // 1024} KiB")
