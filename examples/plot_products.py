"""One light curve, one spectrum with its model and one image, plotted from downloaded products.

Everything is read from the archives as an astronomer's own script would read them: QDP and FITS with astropy, the
spectrum folded with the response that comes with it. It needs the ``analysis`` extra and astropy.

    xrt-mock run -- python examples/plot_products.py DIRECTORY
"""

import sys
import tarfile
import time
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS, FITSFixedWarning

import xrt_client as xrt_prods

mpl.use("Agg")
from matplotlib import pyplot as plt

MY_EMAIL = "me@myinstitute.example.org"
NAME = "GRB 060729"
# fmt: off
# Photoelectric absorption: keV, and 1e-22 cm2 for each hydrogen atom
ENERGIES = (0.1, 0.2, 0.283, 0.285, 0.4, 0.531, 0.533, 0.7, 0.88, 1.0, 1.3, 1.84, 2.47, 4.0, 7.1, 7.12, 10.0, 20.0)
CROSS_SECTIONS = (425, 64.8, 23.9, 27.2, 10.5, 4.63, 7.72, 3.67, 2.56, 1.82, 0.888, 0.407, 0.178, 0.05, 0.0095, 0.0176,
                  0.0071, 0.001)
# fmt: on
COLOURS = {"WT": "tab:blue", "PC": "tab:red"}


def fetch(folder):
    """Submit one job, wait for it, unpack its products, and return the request and the folder of the files."""
    request = xrt_prods.XRTProductRequest(MY_EMAIL, silent=True)
    request.setGlobalPars(name=NAME, getCoords=True, getTargs=True, getT0=True, centroid=True, posErr=1, useSXPS=False)
    request.addLightCurve(binMeth="counts", pcCounts=30, wtCounts=60, dynamic=True)
    request.addSpectrum(hasRedshift=True, redshift=0.54, galactic=True)
    request.addImage(energies="0.3-10")
    if not request.submit():
        raise SystemExit(f"refused: {request.submitError}")
    while not request.complete:
        time.sleep(60)
    for file in request.downloadProducts(str(folder), what="all", format="tar.gz", stem="products").values():
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")
    return request, folder / f"USERPROD_{request.JobID}"


def qdp_tables(path):
    """Return the tables of a QDP file with the comment that names each: data and upper limits, WT before PC."""
    titles = [line[2:].strip() for line in path.read_text().splitlines() if line.startswith("! ")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy notes that the names of the columns are not given
        return {title: Table.read(path, format="ascii.qdp", table_id=k) for k, title in enumerate(titles)}


def plot_light_curve(files, target):
    """Plot rates with their errors, and upper limits as arrows."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for title, table in qdp_tables(files / "lc" / "curve.qdp").items():
        mode, limits = title[:2], "limits" in title
        x, rate = table["col1"], table["col2"]
        x_err = np.abs([table["col1_nerr"], table["col1_perr"]])
        y_err = 0.4 * rate if limits else np.abs([table["col2_nerr"], table["col2_perr"]])
        axes.errorbar(
            x, rate, y_err, x_err, fmt=".", ms=3, lw=0.8, color=COLOURS[mode], uplims=limits, label=title, alpha=0.8
        )
    axes.set(xscale="log", yscale="log", xlabel="Time since T0 (s)", ylabel="Count rate, 0.3-10 keV (s$^{-1}$)")
    axes.set_title(f"{NAME}, simulated")
    axes.legend()
    figure.savefig(target, dpi=110)


def absorption(energy, column, redshift):
    """Return the share of photons that a column lets through, after Morrison & McCammon (1983), scaled by 0.75."""
    log_sigma = np.interp(np.log(energy * (1 + redshift)), np.log(ENERGIES), np.log(CROSS_SECTIONS))
    return np.exp(-column * 1e-22 * np.exp(log_sigma))


def plot_spectrum(request, files, target):
    """Plot a spectrum in groups, with the power law of the fit folded through the response, and what is left."""
    spectrum = files / "spec" / "interval0"
    with tarfile.open(files / "spec" / "interval0.tar.gz") as archive:
        archive.extractall(spectrum, filter="data")
    mode = request.retrieveSpectralFits(returnData=True)["interval0"]["PC"]
    fit = mode["PowerLaw"]
    with fits.open(spectrum / "interval0pcsource.pi") as source, fits.open(spectrum / "interval0pcback.pi") as back:
        counts, exposure = source["SPECTRUM"].data["COUNTS"], source["SPECTRUM"].header["EXPOSURE"]
        scale = source["SPECTRUM"].header["BACKSCAL"] / back["SPECTRUM"].header["BACKSCAL"]
        background = back["SPECTRUM"].data["COUNTS"] * scale
    model = folded(spectrum, fit) * exposure
    edges = groups(counts[30:1000], 25) + 30
    width = np.diff(edges) * 0.01
    energy, half = (edges[1:] + edges[:-1]) * 0.005, width / 2
    data, noise, curve = (np.add.reduceat(values, edges[:-1])[: len(width)] for values in (
        counts[: edges[-1]] - background[: edges[-1]], counts[: edges[-1]] + background[: edges[-1]] * scale,
        model[: edges[-1]]))  # fmt: skip
    curve *= data.sum() / curve.sum()  # the shape is compared, not the level
    error = np.sqrt(noise)
    figure, (upper, lower) = plt.subplots(
        2, 1, sharex=True, figsize=(7, 5.5), height_ratios=(3, 1), layout="constrained"
    )
    upper.errorbar(
        energy, data / width / exposure, error / width / exposure, half, fmt=".", ms=3, lw=0.8, color="black"
    )
    upper.stairs(curve / width / exposure, edges * 0.01, color=COLOURS["PC"], baseline=None)
    upper.set(yscale="log", ylabel="counts s$^{-1}$ keV$^{-1}$")
    column = f"{fit['NH'] / 1e21:.2f} $\\times 10^{{21}}$ cm$^{{-2}}$"
    upper.set_title(f"{NAME}, simulated: $\\Gamma$ = {fit['Gamma']:.2f}, N$_H$ = {column}")
    lower.errorbar(energy, (data - curve) / error, 1, half, fmt=".", ms=3, lw=0.8, color="black")
    lower.axhline(0, color=COLOURS["PC"], lw=1)
    lower.set(xscale="log", xlabel="Energy (keV)", ylabel="residual / error")
    lower.set_xticks([0.3, 0.5, 1, 2, 5, 10], ["0.3", "0.5", "1", "2", "5", "10"], minor=False)
    figure.savefig(target, dpi=110)


def folded(folder, fit):
    """Return the counts per second that the fitted power law gives in each channel."""
    with fits.open(folder / "interval0pc.arf") as arf, fits.open(folder / "interval0pc.rmf") as rmf:
        low, high = arf["SPECRESP"].data["ENERG_LO"], arf["SPECRESP"].data["ENERG_HI"]
        area = arf["SPECRESP"].data["SPECRESP"]
        matrix = next(unit for unit in rmf[1:] if "MATRIX" in unit.name).data
    energy = (low + high) / 2
    photons = energy ** -fit["Gamma"] * (high - low) * area
    photons *= absorption(energy, fit["NH"], fit.get("Redshift_abs", 0.0)) * absorption(energy, fit["GalacticNH"], 0.0)
    counts = np.zeros(1024)
    for number, row in zip(photons, matrix, strict=True):
        first, length = int(np.atleast_1d(row["F_CHAN"])[0]), int(np.atleast_1d(row["N_CHAN"])[0])
        counts[first : first + length] += number * np.atleast_1d(row["MATRIX"])[:length]
    return counts


def groups(counts, least):
    """Return the edges of groups of channels that hold at least so many counts."""
    edges, held = [0], 0
    for channel, number in enumerate(counts, start=1):
        held += number
        if held >= least:
            edges.append(channel)
            held = 0
    return np.array(edges)


def plot_image(files, target):
    """Plot the middle of the image, smoothed, on the sky."""
    with fits.open(files / "image" / "image1.img.gz") as unit, warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)  # RADECSYS is an old keyword
        counts, plane = unit[0].data[250:750, 250:750].astype(float), WCS(unit[0].header)[250:750, 250:750]
        exposure = unit[0].header["EXPOSURE"]
    bell = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    for axis in (0, 1):
        counts = np.apply_along_axis(np.convolve, axis, counts, bell / bell.sum(), mode="same")
    figure = plt.figure(figsize=(6.2, 5.0), layout="constrained")
    axes = figure.add_subplot(projection=plane)
    shown = axes.imshow(counts**0.3, origin="lower", cmap="inferno", vmax=np.quantile(counts, 0.9997) ** 0.3)
    axes.set_xlabel("Right ascension (J2000)")
    axes.set_ylabel("Declination (J2000)")
    axes.set_title(f"{NAME}, simulated, 0.3-10 keV, {exposure / 1000:.0f} ks")
    figure.colorbar(shown, label="(counts per pixel, smoothed)$^{0.3}$")
    figure.savefig(target, dpi=80)


def main(folder):
    """Fetch one job and draw the three pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    request, files = fetch(folder)
    plot_light_curve(files, folder / "light_curve.png")
    plot_spectrum(request, files, folder / "spectrum.png")
    plot_image(files, folder / "image.png")
    print(*sorted(path.name for path in folder.glob("*.png")))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "pictures"))
