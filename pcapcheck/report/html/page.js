"use strict";
// Adds to a page that is complete without it: sorting, filtering, copying.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  document.documentElement.classList.add("scripted");

  // --- Sorting: a row (or a finding with what it opens) is a tbody of its own. ---
  const order = new Intl.Collator("en", { numeric: true }).compare;

  function sort(table, column, descending) {
    const key = (body) => body.rows[0].cells[column].textContent.trim();
    const bodies = [...table.tBodies].map((body) => [key(body), body]);
    // An empty cell stays at the end, whichever way the others go.
    bodies.sort(([a], [b]) => (a === "") - (b === "") || (descending ? order(b, a) : order(a, b)));
    table.append(...bodies.map(([, body]) => body));
  }

  for (const table of all("table.findings, table.sortable")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(table, column, descending);
      });
    });
  }

  // --- Filtering. ---
  const search = byId("q");
  if (search) {
    const chosen = { severity: byId("by-severity"), outcome: byId("by-outcome"), server: byId("by-server") };
    const rules = all("details.rule").map((rule) => ({
      rule,
      wasOpen: rule.open,
      text: rule.querySelector("summary").textContent.toLowerCase(),
      bodies: all("table.findings > tbody", rule).map((body) => ({ body, text: body.rows[0].textContent.toLowerCase() })),
    }));
    const total = rules.reduce((sum, { bodies }) => sum + bodies.length, 0);

    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = Object.entries(chosen).filter(([, select]) => select.value);
      const any = words.length > 0 || wanted.length > 0;
      let shown = 0;
      for (const { rule, text, bodies, wasOpen } of rules) {
        let here = 0;
        for (const { body, text: own } of bodies) {
          const fits = wanted.every(([name, select]) => body.dataset[name] === select.value)
            && words.every((word) => own.includes(word) || text.includes(word));
          body.hidden = !fits;
          here += fits;
        }
        rule.hidden = here === 0 && (any || bodies.length === 0);
        rule.open = any ? here > 0 : wasOpen;
        shown += here;
      }
      byId("none").hidden = shown > 0;
      byId("count").textContent = any ? `${shown} of ${total} shown` : "";
    };
    const reset = () => {
      search.value = "";
      Object.values(chosen).forEach((select) => { select.value = ""; });
      filter();
    };
    search.addEventListener("input", filter);
    Object.values(chosen).forEach((select) => select.addEventListener("change", filter));
    byId("reset").addEventListener("click", reset);
    // Some browsers keep what was typed before the page was opened again.
    if (search.value || Object.values(chosen).some((select) => select.value)) filter();
  }

  // --- A click on a finding opens what is below it. ---
  for (const row of all("tr.one")) {
    row.addEventListener("click", (event) => {
      if (event.target.closest("button, a") || String(window.getSelection())) return;
      const details = row.parentElement.querySelector("details");
      details.open = !details.open;
    });
  }

  // --- Copying: where the clipboard is refused, the old command; where that is too, the filter is selected. ---
  function selectText(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  async function copy(button) {
    const text = button.dataset.filter;
    try {
      await navigator.clipboard.writeText(text);
      return "Copied";
    } catch {
      const details = button.closest("tbody").querySelector("details");
      details.open = true;
      selectText(details.querySelector(".filter code"));
      let done = false;
      try { done = document.execCommand("copy"); } catch { /* refused as well */ }
      return done ? "Copied" : "Press Ctrl+C";
    }
  }

  const said = document.createElement("p");
  said.className = "hidden";
  said.setAttribute("role", "status");
  document.body.append(said);
  for (const button of all("button.copy")) {
    button.addEventListener("click", async () => {
      const answer = await copy(button);
      button.textContent = answer;
      said.textContent = answer === "Copied" ? `Copied: ${button.dataset.filter}` : "The filter is selected: press Ctrl+C";
      window.setTimeout(() => { button.textContent = "Copy filter"; }, 2000);
    });
  }

  // --- Printing shows all that is listed. ---
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = all("details.rule:not([open])");
    closed.forEach((rule) => { rule.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((rule) => { rule.open = false; }));
})();
