// Turns pictures of a light curve or a spectrum into charts to look at closely. Without it the pictures stay.
(function () {
  "use strict";
  const job = document.querySelector("[data-charts]");
  if (!job) { return; }
  let charts; // the data of all charts, asked for once
  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = "var(--" + name + ")";
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const power = (value) => "10" + String(value).replace(/./g, (digit) => digit === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[digit]);
  const COLOURS = { WT: "blue", PC: "red" };
  const show = (value) => value == null ? "" : value === 0 ? "0" : Math.abs(value) >= 1e4 || Math.abs(value) < 1e-2 ? value.toExponential(3) : value.toPrecision(4);

  function load() {
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/_mock/uplot.css" });
    const script = Object.assign(document.createElement("script"), { src: "/_mock/uplot.js" });
    const loaded = (one) => new Promise((done, failed) => { one.onload = done; one.onerror = failed; document.head.append(one); });
    return Promise.all([loaded(style), loaded(script), fetch(job.dataset.charts).then((answer) => {
      if (!answer.ok) { throw new Error(answer.status); }
      return answer.json();
    })]).then((found) => found[2]);
  }

  // Columns for uPlot from points of several series: one x axis, and a value or nothing for each series.
  function joined(sets) {
    const points = sets.flatMap((set, series) => set.x.map((x, k) => ({ x: x, y: set.y[k], series: series })));
    points.sort((a, b) => a.x - b.x);
    return [points.map((p) => p.x), ...sets.map((_, series) => points.map((p) => p.series === series ? p.y : null))];
  }

  // Draws the errors of points, and limits as arrows.
  function errors(sets) {
    return { hooks: { draw: [function (u) {
      const pen = u.ctx;
      pen.save();
      pen.beginPath();
      pen.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      pen.clip();
      const unit = window.devicePixelRatio || 1;
      const log = u.scales.y.distr === 3;
      const least = u.scales.y.min;
      sets.forEach(function (set) {
        pen.strokeStyle = set.colour;
        pen.lineWidth = 1.2 * unit;
        pen.beginPath();
        set.x.forEach(function (x, k) {
          const at = u.valToPos(x, "x", true), y = set.y[k];
          if (log && y <= 0) { return; }
          const height = u.valToPos(y, "y", true);
          if (set.steps && k) { pen.lineTo(u.valToPos(x + set.left[k], "x", true), height); }
          if (!set.steps || !k) pen.moveTo(u.valToPos(Math.max(x + set.left[k], u.scales.x.distr === 3 ? 1e-9 : -Infinity), "x", true), height);
          pen.lineTo(u.valToPos(x + set.right[k], "x", true), height);
          if (set.limits) {
            pen.moveTo(at, height);
            pen.lineTo(at, height + 14 * unit);
            pen.moveTo(at - 4 * unit, height + 9 * unit);
            pen.lineTo(at, height + 14 * unit);
            pen.lineTo(at + 4 * unit, height + 9 * unit);
          } else if (set.up) {
            pen.moveTo(at, u.valToPos(y + set.up[k], "y", true));
            pen.lineTo(at, u.valToPos(log ? Math.max(y + set.down[k], least) : y + set.down[k], "y", true));
          }
        });
        pen.stroke();
      });
      pen.restore();
    }] } };
  }

  // The ends of an axis: all points with their errors, and a little more; what was zoomed to stays as it is.
  function range(sets, low, high, at, log) {
    const values = sets.flatMap((set) => set[at].flatMap((value, k) => set[low] ? [value + set[low][k], value, value + set[high][k]] : [value]));
    const shown = values.filter((value) => value != null && (!log || value > 0));
    const least = Math.min(...shown), most = Math.max(...shown);
    const data = sets.flatMap((set) => set[at]).filter((value) => value != null && (!log || value > 0));
    const whole = [Math.min(...data), Math.max(...data)];
    return function (u, from, to) {
      if (from > whole[0] || to < whole[1]) { return [from, to]; }
      if (log) { return [least / Math.pow(most / least, 0.04), most * Math.pow(most / least, 0.04)]; }
      return [least - 0.04 * (most - least), most + 0.04 * (most - least)];
    };
  }

  // Ticks of a logarithmic axis; those of uPlot are no round numbers where the axis does not begin with one.
  function ticks(u, axis, from, to) {
    const found = [];
    for (let k = Math.floor(Math.log10(from)); k <= Math.log10(to); k++) {
      for (let m = 1; m < 10; m++) { found.push(Number(m + "e" + k)); }
    }
    return found.filter((value) => value >= from && value <= to);
  }

  function tickLabel(value, crowded) {
    const [mantissa, exponent] = value.toExponential().split("e").map(Number);
    if (mantissa === 1) { return Math.abs(exponent) < 3 ? String(value) : power(exponent); }
    return !crowded && (mantissa === 2 || mantissa === 5) ? (Math.abs(exponent) < 3 ? String(value) : mantissa + "\u00b7" + power(exponent)) : "";
  }

  function chart(box, sets, data, options) {
    const ink = colour("ink"), line = colour("line");
    const axis = (label, size, log) => ({ label: label, ...(log ? {
      splits: ticks, filter: (u, splits) => splits,
      values: (u, splits) => splits.map((value) => tickLabel(value, splits[splits.length - 1] > 50 * splits[0])),
    } : {}), stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line }, size: size, font: "13px system-ui", labelFont: "13px system-ui" });
    const scale = (log, ends) => Object.assign({ time: false, range: ends }, log ? { distr: 3 } : {});
    const height = options.height || 360;
    const width = () => Math.max(260, box.clientWidth);
    const plot = new uPlot({
      width: width(), height: height,
      scales: {
        x: scale(options.logX, range(sets, "left", "right", "x", options.logX)),
        y: scale(options.logY, range(sets, "down", "up", "y", options.logY)),
      },
      axes: [axis(options.x, 40, options.logX), axis(options.y, 60, options.logY)],
      series: [{ label: options.x, value: (u, value) => show(value) }, ...sets.map((set) => Object.assign({
        label: set.label, stroke: set.colour, value: (u, value) => show(value), paths: () => null,
        points: { show: !set.limits, size: 4, fill: set.colour },
      }, set.series))],
      cursor: { drag: { x: true, y: true, uni: 30 }, points: { size: 9 } },
      plugins: [errors(sets)],
    }, data, box);
    new ResizeObserver(() => plot.setSize({ width: width(), height: height })).observe(box);
    return plot;
  }

  // Buttons and keys for what a mouse does by dragging.
  function controls(box, plots) {
    const bar = document.createElement("p");
    const zoom = (factor) => plots.forEach(function (plot) {
      const log = plot.scales.x.distr === 3;
      const to = (v) => log ? Math.log10(v) : v, back = (v) => log ? Math.pow(10, v) : v;
      const at = plot.cursor.idx == null ? (to(plot.scales.x.min) + to(plot.scales.x.max)) / 2 : to(plot.data[0][plot.cursor.idx]);
      const half = (to(plot.scales.x.max) - to(plot.scales.x.min)) * factor / 2;
      plot.setScale("x", { min: back(at - half), max: back(at + half) });
    });
    const reset = () => plots.forEach((plot) => plot.setData(plot.data));
    [["Zoom in", () => zoom(0.5)], ["Zoom out", () => zoom(2)], ["Whole", reset]].forEach(function (pair) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: pair[0] });
      button.addEventListener("click", pair[1]);
      bar.append(button, " ");
    });
    const words = document.createElement("small");
    words.textContent = "Arrow keys go from point to point; drag to zoom, double click for the whole.";
    bar.append(words);
    box.prepend(bar);
    box.tabIndex = 0;
    box.addEventListener("keydown", function (event) {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || event.target !== box) { return; }
      event.preventDefault();
      const plot = plots[0], last = plot.data[0].length - 1;
      const k = Math.min(last, Math.max(0, plot.cursor.idx == null ? 0 : plot.cursor.idx + step));
      const y = plot.data.slice(1).map((column) => column[k]).find((value) => value != null);
      plot.setCursor({ left: plot.valToPos(plot.data[0][k], "x"), top: y == null ? 1 : plot.valToPos(y, "y") });
    });
  }

  function lightCurve(box, found) {
    const sets = found.points.map((set) => Object.assign(set, {
      colour: colour(COLOURS[set.mode] || "ink"), label: set.mode + (set.limits ? " upper limits" : ""),
    }));
    const logX = !found.mjd && sets.every((set) => set.x.every((x) => x > 0));
    const logY = sets.every((set) => set.y.every((y) => y > 0));
    return [chart(box, sets, joined(sets), {
      logX: logX, logY: logY, x: found.mjd ? "Time [MJD]" : "Time since T0 [s]", y: "Count rate (0.3-10 keV) [count/s]",
    })];
  }

  function spectrum(box, found) {
    const low = found.bounds.slice(0, -1), high = found.bounds.slice(1);
    const x = low.map((value, k) => Math.sqrt(value * high[k]));
    const widths = { left: low.map((value, k) => value - x[k]), right: high.map((value, k) => value - x[k]) };
    const data = Object.assign({ x: x, y: found.value, up: found.error, down: found.error.map((e) => -e), colour: colour(COLOURS[found.mode] || "ink"), label: found.mode }, widths);
    const model = Object.assign({ x: x, y: found.model, steps: true, colour: colour("green"), label: "Model", series: { points: { show: false } } }, widths);
    const residuals = Object.assign({}, data, {
      y: found.value.map((value, k) => found.error[k] > 0 ? (value - found.model[k]) / found.error[k] : null),
      up: x.map(() => 1), down: x.map(() => -1), label: "Residual",
    });
    const value = found.value.map((y) => y > 0 ? y : null);
    return [
      chart(box, [data, model], [x, value, found.model], { logX: true, logY: true, x: "Energy [keV]", y: "counts/s/keV", height: 320 }),
      chart(box, [residuals], [x, residuals.y], { logX: true, x: "Energy [keV]", y: "Residual [sigma]", height: 200 }),
    ];
  }

  job.querySelectorAll("button[data-chart]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      button.disabled = true;
      charts = charts || load();
      charts.then(function (found) {
        const figure = button.closest("figure"), name = button.dataset.chart;
        const box = document.createElement("div");
        box.className = "chart";
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", figure.querySelector("img").alt);
        figure.querySelector("img").replaceWith(box);
        const made = name === "light_curve" ? lightCurve(box, found.light_curve)
          : spectrum(box, found.spectra.find((one) => one.title === name));
        controls(box, made);
        button.remove();
        box.focus();
      }).catch(function () {
        charts = undefined;
        button.disabled = false;
        button.textContent = "The data could not be read; try again";
      });
    });
  });
})();
