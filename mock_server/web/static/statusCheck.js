// Keeps the page of a job up to date. It asks what programs ask; without it, loading the page again does the same.
(function () {
  "use strict";
  const SECONDS = 10;
  const table = document.querySelector("table[data-poll]");
  if (!table) { return; }
  const asked = JSON.parse(table.dataset.poll);
  const names = asked.what.split(",");
  const ended = (code) => code < 0 || code === 4;

  function plain(html) {
    return new DOMParser().parseFromString(html, "text/html").body.textContent;
  }

  function element(kind, text, className) {
    const made = document.createElement(kind);
    made.textContent = text;
    if (className) { made.className = className; }
    return made;
  }

  function listOf(steps) {
    const list = element("ol", "", "steps");
    steps.forEach(function (step) {
      const item = element("li", step.StepLabel, ["later", "active", "done"][step.StepStatus]);
      if (step.StepStatus) { item.append(" ", element("strong", ["", "active", "done"][step.StepStatus])); }
      if (step.StepExtra) { item.append(" ", element("small", step.StepExtra)); }
      if (step.SubStep) { item.append(listOf(step.SubStep)); }
      list.append(item);
    });
    return list;
  }

  function showProgress(cell, progress) {
    const parts = [];
    if (progress.PreProgress) { parts.push(element("p", plain(progress.PreProgress))); }
    if (progress.ProgressSteps) { parts.push(listOf(progress.ProgressSteps)); }
    if (progress.TimeRunning) { parts.push(element("p", "Running for " + progress.TimeRunning)); }
    cell.replaceChildren(...parts);
  }

  function show(answer) {
    if (answer.OK !== 1) { return; }
    let news = false;
    names.forEach(function (name) {
      const row = document.getElementById("row-" + name);
      const found = answer[name];
      if (!row || !found) { return; }
      news = news || (ended(found.statusCode) && !ended(Number(row.dataset.code)));
      row.dataset.code = found.statusCode;
      document.getElementById("status-" + name).textContent = found.statusText;
      showProgress(document.getElementById("progress-" + name), found.progress);
    });
    const address = document.getElementById("owner");
    const all = names.every((name) => ended(Number(document.getElementById("row-" + name).dataset.code)));
    if (all || (news && !(address && address.value))) { location.reload(); } // files, and nothing being typed
  }

  function look() {
    fetch("/user_objects/checkProductStatus.php", {
      method: "POST",
      body: JSON.stringify(Object.assign({ whatProg: asked.what }, asked)),
    }).then((answer) => answer.json()).then(show).catch(() => undefined); // the next look may have more luck
  }
  setInterval(look, SECONDS * 1000);
})();
