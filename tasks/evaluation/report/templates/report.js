// The list of files: sorted, filtered, a hundred rows at a time. Comes after decisions.js.

const OUTCOMES = [["fail", "Failed"], ["look", "Needs a look"], ["pass", "Passed"]];
const ROWS = 100;

function sign(outcome) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", `sign ${outcome}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(space, "use"));
  svg.firstChild.setAttribute("href", `#sign-${outcome}`);
  return svg;
}

function list() {
  const files = data.files.map(([outcome, name, key, nearest, nearestText, seconds, length, faces], rank) =>
    ({ outcome, name, key, nearest, nearestText, seconds, length, faces, rank, low: name.toLowerCase() }));
  const collator = new Intl.Collator("en", { numeric: true });
  const number = (value) => (value === null ? -Infinity : value);
  const by = [
    (a, b) => a.outcome - b.outcome,
    (a, b) => collator.compare(a.name, b.name),
    (a, b) => compare(number(a.nearest), number(b.nearest)),
    (a, b) => compare(number(a.seconds), number(b.seconds)),
    (a, b) => a.faces - b.faces,
    (a, b) => ORDER.indexOf(decision(a.name).choice) - ORDER.indexOf(decision(b.name).choice),
  ];
  const heads = [...document.querySelectorAll(".files thead th")];
  const spell = new Intl.NumberFormat("en");
  let column = 0, down = false, page = 0, view = files;

  function compare(a, b) {
    return a < b ? -1 : Number(a > b);
  }

  function select() {
    const text = at("find").value.trim().toLowerCase();
    const outcome = at("by-outcome").value, choice = at("by-decision").value;
    view = files.filter((file) => {
      const now = decision(file.name);
      return (!text || file.low.includes(text) || now.note.toLowerCase().includes(text))
        && (!outcome || OUTCOMES[file.outcome][0] === outcome)
        && (!choice || now.choice === (choice === "open" ? "" : choice));
    });
    // Ties stay worst first, whichever way the column goes.
    view.sort((a, b) => (down ? by[column](b, a) : by[column](a, b)) || a.rank - b.rank);
    page = 0;
    draw();
  }

  function row(file, printed) {
    const line = make("tr");
    const [outcome, said] = OUTCOMES[file.outcome];
    const badge = make("span", `badge ${outcome}`);
    badge.append(sign(outcome), said);
    const link = make("a");
    link.href = `videos/${encodeURIComponent(file.key)}.html`;
    link.append(make("bdi", "", file.name));
    const now = decision(file.name);
    const chosen = CHOICES.find(([choice]) => choice === now.choice);
    const decided = printed
      ? `${chosen ? chosen[1] : "Open"}${now.note ? `: ${now.note}` : ""}`
      : control(file.name, count);
    const cells = [[badge], [link], [file.nearestText, "n"], [file.length, "n"], [spell.format(file.faces), "n"], [decided]];
    cells.forEach(([inside, name], k) => {
      const cell = make("td", name);
      cell.dataset.label = heads[k].textContent;
      cell.append(inside);
      line.append(cell);
    });
    return line;
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(view.length / ROWS));
    page = Math.min(page, pages - 1);
    at("rows").replaceChildren(...view.slice(page * ROWS, (page + 1) * ROWS).map((file) => row(file, false)));
    heads.forEach((head, k) => {
      if (k === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    at("shown").textContent = `${spell.format(view.length)} of ${spell.format(files.length)} files`;
    at("where").textContent = `Page ${spell.format(page + 1)} of ${spell.format(pages)}`;
    at("back").disabled = page === 0;
    at("on").disabled = page === pages - 1;
    count();
  }

  const passing = () => view.filter((file) => OUTCOMES[file.outcome][0] === "pass" && !decision(file.name).choice);

  function count() {
    const of = Object.fromEntries(ORDER.map((choice) => [choice, 0]));
    files.forEach((file) => { of[decision(file.name).choice] += 1; });
    const said = [[of[""], "open"], [of.accept, "accepted"], [of.reject, "rejected"], [of.redo, "to redo"]];
    at("decided").textContent = said.map(([n, what]) => `${spell.format(n)} ${what}`).join(" · ");
    const open = passing().length;
    at("accept-passing").textContent = `Accept ${spell.format(open)} shown that passed`;
    at("accept-passing").disabled = !open;
  }

  function save() {
    const decisions = files.map(({ name }) => ({ name, ...decision(name) }))
      .filter(({ choice }) => choice).map(({ name, choice, note }) => ({ name, choice, note }));
    const said = { schema: 1, report: data.report, exported_at: new Date().toISOString(), decisions };
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(said, null, 1)], { type: "application/json" }));
    link.download = "review.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  // On paper: what deserves to be read, whatever the filters are.
  addEventListener("beforeprint", () => {
    const listed = files.filter((file) => {
      const now = decision(file.name);
      return file.outcome < 2 || now.note || now.choice === "reject" || now.choice === "redo";
    });
    at("printed").textContent = `Listed are the ${spell.format(listed.length)} of ${spell.format(files.length)} files `
      + "that did not pass, were rejected or are to be redone, or have a note.";
    at("rows").replaceChildren(...listed.map((file) => row(file, true)));
  });
  addEventListener("afterprint", draw);

  heads.forEach((head, k) => head.firstElementChild.addEventListener("click", () => {
    down = column === k && !down;
    column = k;
    select();
  }));
  at("find").addEventListener("input", select);
  at("by-outcome").addEventListener("change", select);
  at("by-decision").addEventListener("change", select);
  at("back").addEventListener("click", () => { page -= 1; draw(); });
  at("on").addEventListener("click", () => { page += 1; draw(); });
  at("export").addEventListener("click", save);
  at("accept-passing").addEventListener("click", () => {
    const chosen = passing();
    if (!confirm(`Accept ${spell.format(chosen.length)} files that passed and are still open?`)) return;
    chosen.forEach(({ name }) => keep(name, { choice: "accept", note: decision(name).note }));
    draw();
  });
  follow(files.map(({ name }) => name), draw);
  select();
  at("review").hidden = false;
}

list();
