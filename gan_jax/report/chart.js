
// The curves of a sweep or of several runs: all on one axis, as the controls above them say.
function draw(name, attributes, ...children) {
  const node = document.createElementNS(document.querySelector("svg.space").namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Round numbers in [low, high]; on a log axis powers of ten, with 2 and 5 between few of them.
function ticksOf(low, high, log, about) {
  if (log && high / low >= 4) {
    const between = high / low < 1000 ? [1, 2, 5] : [1];
    const found = [];
    for (let p = Math.floor(Math.log10(low)); 10 ** p <= high; p++) found.push(...between.map((m) => m * 10 ** p));
    const inside = found.filter((v) => v >= 0.999 * low && v <= 1.001 * high);
    const every = Math.ceil(inside.length / (about + 3));
    return inside.filter((_, i) => i % every === 0);
  }
  const rough = (high - low) / about;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * [1, 2, 5, 10].find((m) => size * m >= 0.999 * rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
  return found;
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(1).replace("e+", "e").replace(".0e", "e");
  return size >= 1000 ? `${Number((value / 1000).toPrecision(4))}k` : String(Number(value.toPrecision(4)));
}

// A running mean over `width` points to each side; null values are left out.
function smoothed(values, width) {
  if (!width) return values;
  return values.map((value, i) => {
    if (value === null) return null;
    const near = values.slice(Math.max(0, i - width), i + width + 1).filter((v) => v !== null);
    return near.reduce((a, b) => a + b, 0) / near.length;
  });
}

function meanOf(curves) {
  const sums = new Map();
  for (const { x, y } of curves) {
    x.forEach((step, i) => {
      if (y[i] === null) return;
      const sum = sums.get(step) ?? [0, 0];
      sums.set(step, [sum[0] + y[i], sum[1] + 1]);
    });
  }
  const x = Array.from(sums.keys()).sort((a, b) => a - b);
  return { x, y: x.map((step) => sums.get(step)[0] / sums.get(step)[1]) };
}

function makeChart(box) {
  const data = JSON.parse(box.querySelector("script").textContent);
  const canvas = box.querySelector(".canvas");
  const legend = box.querySelector(".toggles");
  const reading = box.querySelector(".reading");
  const control = (name) => box.querySelector(`[data-control=${name}]`);
  const hidden = new Set();
  let metric = document.getElementById("metric")?.value ?? Object.keys(data.axes)[0];
  let drawn = [];

  // Each value's class in page.css: shades for numbers in their order, colours for words.
  function colours(key) {
    const ordered = data.ordered[key];
    const values = ordered ?? Array.from(new Set(data.rows.map((row) => row.values[key])));
    const shades = ordered && ordered.length > 1;
    return new Map(values.map((value, i) =>
      [value, shades ? `q${Math.round((7 * i) / (values.length - 1))}` : `c${i % 10}`]));
  }

  function showLegend() {
    const key = control("key").value;
    legend.replaceChildren(...Array.from(colours(key), ([value, kind]) => {
      const button = document.createElement("button");
      const mark = document.createElement("i");
      mark.className = `key ${kind}`;
      button.type = "button";
      button.setAttribute("aria-pressed", String(!hidden.has(value)));
      button.append(mark, value);
      button.addEventListener("click", () => {
        if (!hidden.delete(value)) hidden.add(value);
        button.setAttribute("aria-pressed", String(!hidden.has(value)));
        redraw();
      });
      return button;
    }));
  }

  // The lines to draw: each row's, and the mean of those that share a setting and a colour.
  function lines() {
    const key = control("key").value;
    const kinds = colours(key);
    const groups = new Map();
    const found = [];
    for (const row of data.rows) {
      const value = row.values[key];
      if (hidden.has(value) || !row.curves[metric]) continue;
      const [at, y] = row.curves[metric];
      const curve = { x: data.steps[at], y, kind: kinds.get(value), lost: row.lost };
      curve.says = row.values.seed === undefined ? `${value}, ${row.name}` : `${value}, seed ${row.values.seed}`;
      if (row.lost) found.push({ ...curve, thin: true });
      else groups.set(`${row.setting} ${value}`, [...(groups.get(`${row.setting} ${value}`) ?? []), curve]);
    }
    for (const curves of groups.values()) {
      const alone = curves.length === 1;
      if (alone) found.push(curves[0]);
      else if (control("seeds").checked) found.push(...curves.map((curve) => ({ ...curve, thin: true })));
      if (!alone) found.push({ ...meanOf(curves), kind: curves[0].kind, says: `${curves[0].says.split(", seed")[0]}, mean of ${curves.length}` });
    }
    found.sort((a, b) => Boolean(b.thin) - Boolean(a.thin)); // thick ones on top
    return found.map((line) => points(line));
  }

  function points(line) {
    const y = smoothed(line.y, Number(control("smooth").value));
    const fits = (i) => y[i] !== null && (!control("logy").checked || y[i] > 0) &&
      (!control("logx").checked || line.x[i] > 0);
    const kept = line.x.map((_, i) => i).filter(fits);
    return { ...line, x: kept.map((i) => line.x[i]), y: kept.map((i) => y[i]), cut: line.y.filter((v) => v !== null).length - kept.length };
  }

  function scale(values, log, from, to, margin) {
    const plain = log ? values.map(Math.log10) : values;
    let low = plain.reduce((a, b) => Math.min(a, b), Infinity);
    let high = plain.reduce((a, b) => Math.max(a, b), -Infinity);
    const least = 0.02 * Math.max(Math.abs(low), Math.abs(high)) || 1;
    if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
    [low, high] = [low - margin * (high - low), high + margin * (high - low)];
    const place = (v) => from + (((log ? Math.log10(v) : v) - low) / (high - low)) * (to - from);
    return { place, low: log ? 10 ** low : low, high: log ? 10 ** high : high, log };
  }

  function redraw() {
    const width = Math.max(280, Math.round(canvas.clientWidth));
    const height = Math.round(Math.min(440, Math.max(260, 0.5 * width)));
    const shown = lines().filter((line) => line.x.length);
    drawn = [];
    reading.textContent = "";
    if (!shown.length) {
      const says = document.createElement("p");
      says.className = "empty";
      says.textContent = hidden.size ? "All lines are hidden." : "This metric has no number to draw.";
      canvas.replaceChildren(says);
      return;
    }
    const x = scale(shown.flatMap((line) => line.x), control("logx").checked, 46, width - 10, 0);
    const y = scale(shown.flatMap((line) => line.y), control("logy").checked, height - 38, 26, 0.05);
    const parts = axesOf(x, y, width, height);
    for (const line of shown) {
      const at = line.x.map((step, i) => [x.place(step), y.place(line.y[i])]);
      const path = "M" + at.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L");
      const kind = `line ${line.thin ? "seed" : "thick"}${line.lost ? " broken" : ""} ${line.kind}`;
      if (at.length > 1) parts.push(draw("path", { d: path, class: kind }));
      else parts.push(draw("path", { d: `${path}h0`, class: `dots ${line.kind}` }));
      const [a, b] = at[at.length - 1];
      if (line.lost) parts.push(draw("path", { d: `M${a - 3} ${b - 3}l6 6m0-6l-6 6`, class: `cross ${line.kind}` }));
      drawn.push({ ...line, at });
    }
    const label = `${data.axes[metric]} over train steps, ${shown.length} lines`;
    const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...parts);
    canvas.replaceChildren(picture);
    const cut = shown.reduce((sum, line) => sum + line.cut, 0);
    if (cut) reading.textContent = `${cut} values that are not above 0 have no place on a log axis.`;
  }

  function axesOf(x, y, width, height) {
    const parts = [];
    const bottom = height - 38;
    for (const value of ticksOf(y.low, y.high, y.log, 5)) {
      const at = y.place(value).toFixed(1);
      parts.push(draw("path", { d: `M46 ${at}H${width - 10}`, class: "rule" }));
      parts.push(draw("text", { x: 40, y: at, dy: "0.32em", class: "end" }, short(value)));
    }
    for (const value of ticksOf(x.low, x.high, x.log, width < 500 ? 4 : 8)) {
      const at = x.place(value).toFixed(1);
      parts.push(draw("path", { d: `M${at} ${bottom}v4`, class: "axis" }));
      parts.push(draw("text", { x: at, y: bottom + 16, class: "middle" }, short(value)));
    }
    parts.push(draw("path", { d: `M46 ${bottom}H${width - 10}`, class: "axis" }));
    parts.push(draw("text", { x: (36 + width) / 2, y: height - 6, class: "middle name" }, "train step"));
    parts.push(draw("text", { x: 4, y: 12, class: "name" }, data.axes[metric]));
    return parts;
  }

  canvas.addEventListener("pointermove", (event) => {
    const picture = canvas.querySelector("svg");
    if (!picture) return;
    const frame = picture.getBoundingClientRect();
    const [px, py] = [event.clientX - frame.left, event.clientY - frame.top];
    let near = { far: 900 };
    for (const line of drawn) {
      line.at.forEach(([a, b], i) => {
        const far = (a - px) ** 2 + (b - py) ** 2;
        if (far < near.far) near = { far, line, i };
      });
    }
    picture.querySelector(".pointed")?.remove();
    if (!near.line) return;
    const [a, b] = near.line.at[near.i];
    picture.append(draw("path", { d: `M${a} ${b}h0`, class: `dots pointed ${near.line.kind}` }));
    reading.textContent = `${near.line.says}: ${short(near.line.y[near.i])} at step ${near.line.x[near.i]}`;
  });
  box.addEventListener("input", (event) => {
    if (event.target.dataset.control === "key") {
      hidden.clear();
      showLegend();
    }
    box.querySelector(".smooth").textContent = control("smooth").value;
    redraw();
  });
  control("all").addEventListener("click", () => {
    hidden.clear();
    showLegend();
    redraw();
  });
  document.getElementById("metric")?.addEventListener("change", (event) => {
    metric = event.target.value;
    redraw();
  });
  showLegend();
  new ResizeObserver(() => redraw()).observe(canvas);
}

for (const box of document.querySelectorAll(".explore")) makeChart(box);

// Pictures of samples: for each row, the last one up to the chosen step.
for (const film of document.querySelectorAll(".film")) {
  const slider = film.querySelector("input");
  if (!slider) continue;
  const steps = slider.dataset.steps.split(",").map(Number);
  slider.addEventListener("input", () => {
    const step = steps[Number(slider.value)];
    film.querySelector("output").textContent = `step ${step}`;
    for (const frame of film.querySelectorAll("figure")) {
      const pictures = Array.from(frame.querySelectorAll("img"));
      const last = pictures.findLastIndex((picture) => Number(picture.dataset.step) <= step);
      pictures.forEach((picture, i) => { picture.hidden = i !== Math.max(last, 0); });
    }
  });
}
