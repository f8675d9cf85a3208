// The explorer: scores of a graph, and its two figures. Graphs are [post, pre], row by row.
(() => {
  "use strict";

  // --- scores: the same as those of lgl_core.metrics, to which a test holds them ----------------

  /** Indices of the entries between different neurons. */
  function pairsOf(n) {
    return Array.from({ length: n * n }, (_, k) => k).filter((k) => Math.floor(k / n) !== k % n);
  }

  /** Pairs from the largest size to the smallest, the first one first among equals. */
  function bySize(graph, pairs) {
    return [...pairs].sort((a, b) => Math.abs(graph[b]) - Math.abs(graph[a]) || a - b);
  }

  function isConstant(values) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return high - low <= 1e-12 * Math.max(Math.abs(low), Math.abs(high));
  }

  /** Ranks from 1 up, ties at their mean. */
  function ranksOf(values) {
    const order = values.map((_, k) => k).sort((a, b) => values[a] - values[b]);
    const ranks = new Array(values.length);
    for (let start = 0, stop; start < order.length; start = stop) {
      stop = start + 1;
      while (stop < order.length && values[order[stop]] === values[order[start]]) stop++;
      for (let k = start; k < stop; k++) ranks[order[k]] = (start + stop + 1) / 2;
    }
    return ranks;
  }

  function correlation(x, y) {
    if (isConstant(x) || isConstant(y)) return NaN;
    const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
    const [mx, my] = [mean(x), mean(y)];
    let [xy, xx, yy] = [0, 0, 0];
    x.forEach((v, k) => {
      xy += (v - mx) * (y[k] - my);
      xx += (v - mx) ** 2;
      yy += (y[k] - my) ** 2;
    });
    return xy / Math.sqrt(xx * yy);
  }

  /** Chance that a connected pair has a larger size than another one. */
  function areaUnderRoc(sizes, connected) {
    const n = connected.filter(Boolean).length;
    const ranks = isConstant(sizes) ? sizes.map(() => (sizes.length + 1) / 2) : ranksOf(sizes);
    const sum = ranks.reduce((all, rank, k) => all + (connected[k] ? rank : 0), 0);
    return (sum - (n * (n + 1)) / 2) / (n * (sizes.length - n));
  }

  /** Scores of all pairs, however many are called connected. */
  function agreementOf(estimates, weights, connected) {
    return {
      auc: areaUnderRoc(estimates.map(Math.abs), connected),
      pearson: correlation(estimates, weights),
      spearman: correlation(ranksOf(estimates), ranksOf(weights)),
    };
  }

  function decoded(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return Array.from(new Float32Array(bytes.buffer));
  }

  // --- what is chosen ---------------------------------------------------------------------------

  const READINGS = {
    plain: "As it stands, with its sign",
    size: "Its size, without sign",
    "standing out": "What stands out",
  };
  // How a pair is told beside its word and its colour, which stands in the style: line and mark.
  const KINDS = {
    found: { dash: "solid", mark: "square" },
    missed: { dash: "dash", mark: "circle-open" },
    invented: { dash: "dot", mark: "x-thin-open" },
  };
  const element = (name) => document.getElementById(`explorer-${name}`);
  const at = {}; // the pair that is named: pre and post
  let data, network, weights, graph, pairs, n, order, rankOf, nConnected, agreement, kindOf;

  /** Take network, method and reading from the form. */
  function choose() {
    network = data.networks.find((one) => one.key === element("network").value);
    weights = decoded(network.truth);
    n = Math.sqrt(weights.length);
    pairs = pairsOf(n);
    const reading = element("reading").value;
    const ofMethod = network.methods[element("method").value];
    graph = decoded(ofMethod[reading === "standing out" ? reading : "plain"]);
    if (reading === "size") graph = graph.map(Math.abs);
    order = bySize(graph, pairs);
    rankOf = new Map(order.map((k, place) => [k, place + 1]));
    const connected = pairs.map(isConnected);
    nConnected = connected.filter(Boolean).length;
    const compared = pairs.map((k) => (reading === "size" ? Math.abs(weights[k]) : weights[k]));
    agreement = agreementOf(pairs.map((k) => graph[k]), compared, connected);
    element("about").textContent = network.about;
    element("listed").hidden = element("method").value !== "glm test";
  }

  const isConnected = (k) => Math.abs(weights[k]) >= network.smallest;

  function decide() {
    const nCalled = Number(element("called").value);
    kindOf = new Map();
    order.forEach((k, place) => {
      if (place < nCalled) kindOf.set(k, isConnected(k) ? "found" : "invented");
      else if (isConnected(k)) kindOf.set(k, "missed");
    });
    const found = order.slice(0, nCalled).filter(isConnected);
    const rightSign = found.filter((k) => graph[k] * weights[k] > 0);
    element("number").textContent = `${nCalled} of ${pairs.length}`;
    const percent = (x) => (Number.isNaN(x) ? "–" : `${Math.round(100 * x)} %`);
    const decimals = (x) => (Number.isNaN(x) ? "–" : x.toFixed(2).replace("-", "−"));
    const shown = {
      precision: percent(found.length / nCalled),
      recall: percent(found.length / nConnected),
      "right-sign": percent(rightSign.length / found.length),
      auc: decimals(agreement.auc),
      pearson: decimals(agreement.pearson),
      spearman: decimals(agreement.spearman),
      found: `${found.length}`,
      chance: `${Math.round((nCalled * nConnected) / pairs.length)}`,
    };
    for (const [name, text] of Object.entries(shown)) element(name).textContent = text;
    const count = (kind) => [...kindOf.values()].filter((one) => one === kind).length;
    for (const kind of Object.keys(KINDS)) element(`n-${kind}`).textContent = count(kind);
  }

  /** Say which pair is under the cursor, and what became of it. */
  function nameThePair() {
    const k = at.post * n + at.pre;
    element("drawn").options[0].text = `that neuron ${at.pre} sends`;
    element("drawn").options[1].text = `that neuron ${at.pre} receives`;
    if (at.pre === at.post) {
      element("pair").textContent = `Neuron ${at.pre} to itself: stays out of every score.`;
      return;
    }
    const number = (x) => Number(x.toPrecision(2)).toString().replace("-", "−");
    const weight = weights[k] ? `weight ${number(weights[k])} ${network.unit}` : "no synapse";
    const small = weights[k] && !isConnected(k) ? " (too small to count)" : "";
    const verdict = kindOf.get(k) ?? "rightly left out";
    element("pair").textContent =
      `From neuron ${at.pre} to neuron ${at.post}: ${weight}${small}, estimate ` +
      `${number(graph[k])}, rank ${rankOf.get(k)} of ${pairs.length}: ${verdict}.`;
  }

  // --- figures ----------------------------------------------------------------------------------

  function looks() {
    const dark = document.documentElement.dataset.theme === "dark";
    return {
      text: dark ? "#ced6dd" : "#222832",
      empty: dark ? "#1d2126" : "#ffffff",
      ends: dark ? ["#c79bf2", "#5fd08a"] : ["#6a3d9a", "#1b7837"],
      frame: dark ? "#6b7280" : "#9aa0a6",
      colour: (kind) => getComputedStyle(document.querySelector(`.explorer-${kind}`)).color,
    };
  }

  const SILENT = { hoverinfo: "skip", showlegend: false };
  const BARE = { showgrid: false, zeroline: false, fixedrange: true };

  function layoutOf(look, more) {
    return {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: look.empty,
      font: { color: look.text, size: 13 },
      dragmode: false,
      hovermode: "closest",
      ...more,
    };
  }

  function show(name, traces, layout) {
    return Plotly.react(element(name), traces, layout, { displayModeBar: false, responsive: true });
  }

  function drawMatrix() {
    const look = looks();
    const values = element("shown").value === "truth" ? weights : graph;
    const marked = element("marks").checked;
    const sizes = pairs.map((k) => Math.abs(values[k])).sort((a, b) => a - b);
    const most = sizes[Math.floor(0.99 * sizes.length)] || 1; // the largest hundredth is alike
    const signed = pairs.some((k) => values[k] < 0);
    const ids = Array.from({ length: n }, (_, id) => id);
    const rows = ids.map((i) => ids.map((j) => (i === j ? null : values[i * n + j])));
    const cell = Math.max((element("matrix").clientWidth - 70) / n, 3);
    const heat = {
      type: "heatmap", z: rows, showscale: false, hoverinfo: "none", opacity: marked ? 0.55 : 1,
      zmin: signed ? -most : sizes[0], zmax: most,
      colorscale: signed
        ? [[0, look.ends[0]], [0.5, look.empty], [1, look.ends[1]]]
        : [[0, look.empty], [1, look.ends[1]]],
    };
    const marks = Object.keys(KINDS).map((kind) => {
      const keys = marked ? [...kindOf.keys()].filter((k) => kindOf.get(k) === kind) : [];
      const mark = { symbol: KINDS[kind].mark, size: 0.62 * cell, color: look.colour(kind) };
      return {
        ...SILENT, type: "scatter", mode: "markers", name: kind,
        x: keys.map((k) => k % n), y: keys.map((k) => Math.floor(k / n)),
        marker: { ...mark, line: { width: kind === "found" ? 0 : 1.3, color: look.colour(kind) } },
      };
    });
    const framed = {
      ...BARE, dtick: 10, ticks: "outside", showline: true, mirror: true, linecolor: look.frame,
    };
    return show("matrix", [heat, ...marks], layoutOf(look, {
      margin: { l: 52, r: 10, t: 10, b: 46 },
      xaxis: { ...framed, title: { text: "from neuron (sends)" }, range: [-0.5, n - 0.5] },
      yaxis: { ...framed, title: { text: "to neuron (receives)" }, range: [n - 0.5, -0.5] },
      shapes: cursor(look),
    }));
  }

  /** A frame around the pair that is named, and lines that lead to it. */
  function cursor(look) {
    const line = { color: look.text, width: 2 };
    const thin = { color: look.text, width: 0.6, dash: "dot" };
    const [x, y] = [at.pre, at.post];
    return [
      { type: "rect", x0: x - 0.9, x1: x + 0.9, y0: y - 0.9, y1: y + 0.9, line },
      { type: "line", x0: x, x1: x, y0: y + 0.9, y1: n - 0.5, line: thin },
      { type: "line", x0: -0.5, x1: x - 0.9, y0: y, y1: y, line: thin },
    ];
  }

  /** Neurons on a circle; lines to the targets of one neuron, from its sources, or all of them. */
  function drawGraph() {
    const look = looks();
    const drawn = element("drawn").value;
    const place = (id, radius = 1) => {
      const angle = (2 * Math.PI * id) / n;
      return [radius * Math.sin(angle), radius * Math.cos(angle)];
    };
    const isDrawn = (k) =>
      drawn === "all" || (drawn === "sent" ? k % n === at.pre : Math.floor(k / n) === at.pre);
    const one = drawn !== "all";
    const traces = Object.keys(KINDS).flatMap((kind) => {
      const keys = [...kindOf.keys()].filter((k) => kindOf.get(k) === kind && isDrawn(k));
      const [x, y, tips] = [[], [], { x: [], y: [], angle: [] }];
      for (const k of keys) {
        const [[x0, y0], [x1, y1]] = [place(k % n), place(Math.floor(k / n))];
        x.push(x0, x1, null);
        y.push(y0, y1, null);
        const back = 0.07 / Math.hypot(x1 - x0, y1 - y0);
        tips.x.push(x1 - back * (x1 - x0));
        tips.y.push(y1 - back * (y1 - y0));
        tips.angle.push((180 / Math.PI) * Math.atan2(x1 - x0, y1 - y0));
      }
      const [color, { dash }] = [look.colour(kind), KINDS[kind]];
      const line = { color, dash, width: one ? 2 : 0.8 };
      const lines = {
        ...SILENT, type: "scatter", mode: "lines", x, y, line, opacity: one ? 0.95 : 0.5,
      };
      const heads = {
        ...SILENT, type: "scatter", mode: "markers", x: tips.x, y: tips.y,
        marker: { symbol: "triangle-up", size: 10, color, angle: tips.angle },
      };
      return one ? [lines, heads] : [lines];
    });
    const ids = Array.from({ length: n }, (_, id) => id);
    const labels = ids.filter((id) => id % 5 === 0 || (one && id === at.pre));
    const neurons = {
      type: "scatter", mode: "markers", hoverinfo: "none", showlegend: false,
      x: ids.map((id) => place(id)[0]), y: ids.map((id) => place(id)[1]), customdata: ids,
      marker: { size: ids.map((id) => (one && id === at.pre ? 15 : 8)), color: look.text },
    };
    const names = {
      ...SILENT, type: "scatter", mode: "text", text: labels.map(String),
      x: labels.map((id) => place(id, 1.13)[0]), y: labels.map((id) => place(id, 1.13)[1]),
    };
    const axis = { ...BARE, visible: false, range: [-1.22, 1.22] };
    return show("graph", [...traces, neurons, names], layoutOf(look, {
      margin: { l: 4, r: 4, t: 4, b: 4 }, xaxis: axis, yaxis: axis, plot_bgcolor: "rgba(0,0,0,0)",
    }));
  }

  // --- what a reader does -----------------------------------------------------------------------

  let drawing;

  /** Scores follow at once, figures with the next frame: a slider moves faster than they do. */
  function redraw() {
    decide();
    nameThePair();
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(() => {
      drawMatrix();
      drawGraph();
    });
  }

  function choseAnother() {
    const before = network;
    choose();
    if (network !== before) {
      const first = order.find(isConnected); // the surest pair that is right
      Object.assign(at, { pre: first % n, post: Math.floor(first / n) });
      element("called").value = nConnected;
    }
    redraw();
  }

  function moveTo(pre, post) {
    if (pre === at.pre && post === at.post) return;
    const sameNeuron = pre === at.pre;
    const within = (id) => Math.min(Math.max(id, 0), n - 1);
    Object.assign(at, { pre: within(pre), post: within(post) });
    nameThePair();
    Plotly.relayout(element("matrix"), { shapes: cursor(looks()) });
    if (!sameNeuron && element("drawn").value !== "all") drawGraph();
  }

  /** Go to the next pair of a kind: invented ones by their rank, missed ones by their weight. */
  function visit(kind) {
    const all = order.filter((k) => kindOf.get(k) === kind);
    if (kind === "missed") all.sort((a, b) => Math.abs(weights[b]) - Math.abs(weights[a]));
    const next = all[(all.indexOf(at.post * n + at.pre) + 1) % all.length];
    if (next !== undefined) moveTo(next % n, Math.floor(next / n));
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function listen() {
    const on = (name, event, answer) => element(name).addEventListener(event, answer);
    for (const name of ["network", "method", "reading"]) on(name, "change", choseAnother);
    for (const name of ["shown", "marks"]) on(name, "change", drawMatrix);
    on("called", "input", redraw);
    on("drawn", "change", drawGraph);
    const call = (number) => {
      element("called").value = number;
      redraw();
    };
    on("as-many", "click", () => call(nConnected));
    on("listed", "click", () => call(network.listed));
    for (const kind of ["invented", "missed"]) on(`next-${kind}`, "click", () => visit(kind));
    on("matrix", "keydown", (event) => {
      if (!(event.key in ARROWS)) return;
      event.preventDefault();
      const [right, down] = ARROWS[event.key].map((step) => step * (event.shiftKey ? 10 : 1));
      moveTo(at.pre + right, at.post + down);
    });
    const named = ({ points: [point] }) => moveTo(point.x, point.y);
    element("matrix").on("plotly_hover", named);
    element("matrix").on("plotly_click", named);
    const chosen = ({ points: [point] }) => moveTo(point.customdata, at.post);
    element("graph").on("plotly_click", chosen);
    for (const button of document.querySelectorAll("button[data-network]"))
      button.addEventListener("click", () => {
        for (const [name, value] of Object.entries(button.dataset)) element(name).value = value;
        choseAnother();
        document.getElementById("explorer").scrollIntoView();
        element("network").focus({ preventScroll: true });
      });
    const colours = new MutationObserver(redraw);
    colours.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  function begin() {
    data = window.explorerData;
    if (!data || !window.Plotly) return; // the page's own sentence stays
    const titles = Object.fromEntries(data.networks.map((one) => [one.key, one.title]));
    for (const [name, texts] of Object.entries({
      network: titles, method: data.methods, reading: READINGS,
    })) element(name).append(...Object.keys(texts).map((key) => new Option(texts[key], key)));
    document.getElementById("explorer").hidden = false;
    element("absent").hidden = true;
    choseAnother();
    requestAnimationFrame(listen); // to figures that are there by then
  }

  document.addEventListener("DOMContentLoaded", begin);
})();
