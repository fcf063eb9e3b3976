/* The editor of the workshop: shows mistakes and what may follow while one types. The form does all of it without. */
"use strict";
(() => {
  const form = document.getElementById("editor");
  const area = document.getElementById("text");
  const list = document.getElementById("choices");
  const mistakes = document.getElementById("mistakes");
  const PAUSE = 250; // milliseconds without a key after which the server is asked
  const SLOT = /\b(A, B|FIELD, FIELD|FIELD|STAGE|NAME|N|A|C)\b/;
  const opened = area.value;
  let timer = 0, asked = 0, offered = [], active = -1, isSent = false;

  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-controls", "choices");

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function close() {
    list.hidden = true;
    active = -1;
    area.removeAttribute("aria-activedescendant");
  }

  function mark(place) {
    const items = list.children;
    active = (place + items.length) % items.length;
    for (let number = 0; number < items.length; number++) {
      items[number].setAttribute("aria-selected", String(number === active));
    }
    items[active].scrollIntoView({ block: "nearest" });
    area.setAttribute("aria-activedescendant", items[active].id);
  }

  function place() {
    const style = getComputedStyle(area), before = area.value.slice(0, area.selectionStart);
    const line = before.split("\n").length, column = before.length - before.lastIndexOf("\n") - 1;
    const probe = element("span", "0".repeat(100));
    probe.style.font = style.font;
    probe.style.position = "absolute";
    probe.style.visibility = "hidden";
    form.append(probe);
    const width = probe.getBoundingClientRect().width / 100;
    probe.remove();
    const top = area.offsetTop + parseFloat(style.paddingTop) + line * parseFloat(style.lineHeight) - area.scrollTop;
    const left = area.offsetLeft + parseFloat(style.paddingLeft) + column * width - area.scrollLeft;
    list.style.top = `${Math.min(top, area.offsetTop + area.clientHeight)}px`;
    list.style.left = `${Math.max(0, Math.min(left, area.clientWidth - list.offsetWidth))}px`;
  }

  function offer(completions, isAsked) {
    offered = completions;
    list.replaceChildren(...completions.map((completion, number) => {
      const item = element("li", completion.text);
      item.id = `choice-${number}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      if (completion.means) {
        item.append(element("span", completion.means));
      }
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(number);
      });
      return item;
    }));
    if (!completions.length || !(isAsked || isBegun())) {
      close();
      return;
    }
    list.hidden = false;
    active = -1;
    place();
  }

  function isBegun() {
    const before = area.value.slice(0, area.selectionStart);
    return before.slice(before.lastIndexOf("\n") + 1).trim() !== "" && document.activeElement === area;
  }

  function insert(start, end, text) {
    area.focus();
    area.setSelectionRange(start, end);
    if (!document.execCommand("insertText", false, text)) { // it keeps the steps that one can take back
      area.setRangeText(text, start, end, "end");
    }
  }

  function take(number) {
    const chosen = offered[number];
    insert(chosen.start, area.selectionStart, chosen.text);
    const slot = SLOT.exec(chosen.text);
    if (slot) {
      area.setSelectionRange(chosen.start + slot.index, chosen.start + slot.index + slot[0].length);
    }
    close();
    wait();
  }

  function go(line) {
    const lines = area.value.split("\n");
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[line - 1] || "").length);
    area.scrollTop = Math.max(0, line - 5) * parseFloat(getComputedStyle(area).lineHeight);
  }

  function tell(problems) {
    const tests = document.getElementById("tests");
    if (tests) {
      tests.remove(); // they were run on another text
    }
    if (!problems.length) {
      const calm = element("p", "No mistake.");
      calm.className = "calm";
      mistakes.replaceChildren(calm);
      return;
    }
    const items = document.createElement("ul");
    for (const problem of problems) {
      const item = document.createElement("li");
      if (problem.line) {
        const button = element("button", `Line ${problem.line}`);
        button.type = "button";
        button.addEventListener("click", () => go(problem.line));
        item.append(button, ": ");
      }
      item.append(problem.what + (problem.hint ? `; ${problem.hint}` : ""));
      items.append(item);
    }
    const count = element("p", problems.length === 1 ? "1 mistake" : `${problems.length} mistakes`);
    mistakes.replaceChildren(count, items);
  }

  async function ask(isAsked) {
    const number = ++asked;
    const given = new URLSearchParams(new FormData(form));
    given.set("at", String([...area.value.slice(0, area.selectionStart)].length));
    try {
      const answer = await fetch("/workshop/check", { method: "POST", body: given, credentials: "same-origin" });
      if (number !== asked) {
        return; // the text has changed since
      }
      if (!answer.ok) {
        throw new Error(String(answer.status));
      }
      const found = await answer.json();
      if (number === asked) {
        tell(found.problems);
        document.getElementById("difference").textContent = found.difference.join("\n") || "none";
        offer(found.completions.map((completion) => ({ ...completion, start: unit(completion.start) })), isAsked);
      }
    } catch {
      mistakes.replaceChildren(element("p", "The page does not answer now; the buttons below the text still try."));
    }
  }

  function unit(character) { // the server counts characters, a browser counts UTF-16 units
    return [...area.value].slice(0, character).join("").length;
  }

  function wait() {
    clearTimeout(timer);
    timer = setTimeout(() => ask(false), PAUSE);
  }

  const kept = `rule ${form.elements.rule.value} ${form.elements.draft.value}`;

  function offerKept() { // after an ended session, or a page that was left by mistake
    const text = sessionStorage.getItem(kept);
    if (text === null || text === area.value) {
      return;
    }
    const note = element("p", "This tab still has the text that you edited here last. ");
    const button = element("button", "Take it");
    note.className = "notice";
    note.id = "kept";
    button.type = "button";
    button.addEventListener("click", () => {
      insert(0, area.value.length, text);
      note.remove();
      wait();
    });
    note.append(button);
    form.prepend(note);
  }

  area.addEventListener("input", () => {
    sessionStorage.setItem(kept, area.value);
    wait();
  });
  area.addEventListener("blur", close);
  area.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.key === " ") {
      event.preventDefault();
      clearTimeout(timer);
      ask(true);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    } else if (!list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      mark(event.key === "ArrowDown" ? active + 1 : active < 0 ? -1 : active - 1);
    } else if (!list.hidden && active >= 0 && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      take(active);
    } else if (event.key === "Enter" && !event.isComposing) {
      const before = area.value.slice(0, area.selectionStart);
      const indent = /^ */.exec(before.slice(before.lastIndexOf("\n") + 1))[0];
      event.preventDefault();
      close();
      insert(area.selectionStart, area.selectionEnd, `\n${indent}`);
      wait();
    }
  });
  offerKept();
  form.addEventListener("submit", () => { isSent = true; });
  window.addEventListener("beforeunload", (event) => {
    if (!isSent && area.value !== opened) {
      event.preventDefault();
    }
  });
})();
