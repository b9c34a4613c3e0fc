"""Tables, plots and merged bins of light curves. Needs the `analysis` extra; nothing is sent here."""

try:
    from .merging import mergeLightCurveBins
    from .plots import plot_active, plotLightCurve
    from .rates import bayesRate
    from .tables import light_curve_tables
    from .upper_limits import mergeUpperLimits
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"tables and plots need {error.name}: pip install 'xrt-mock[analysis]'", name=error.name
    ) from error

__all__ = [
    "bayesRate",
    "light_curve_tables",
    "mergeLightCurveBins",
    "mergeUpperLimits",
    "plotLightCurve",
    "plot_active",
]
