/* A textarea of addresses becomes an entry field with chips. The textarea stays in the form and carries the value. */
(() => {
  "use strict";
  const words = document.currentScript.dataset;
  const all = (selector, root) => [...root.querySelectorAll(selector)];
  const LONGEST = 254; // characters of an address
  const ADDRESS = /^[^\s@,;<>"\u0080-\uffff]{1,64}@[^\s@,;<>".]+(\.[^\s@,;<>".]+)+$/;
  const isAddress = (text) => text.length <= LONGEST && ADDRESS.test(text);
  // "Ida Ilg <ida@acme.test>" is how mail programs copy an address
  const split = (text) =>
    text
      .replace(/(^|[,;])\s*(?:"[^"\n]*"|[^<>,;@"\n])*<([^<>\s@]+@[^<>\s@]+)>/gm, "$1 $2 ")
      .split(/[\s,;]+/)
      .filter(Boolean);
  const make = (tag, attributes = {}, ...content) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...content);
    return node;
  };

  function build(area) {
    const form = area.form;
    const chosen = new Map(); // key -> address, in the order of entry
    const list = make("ul", { role: "list" });
    const entry = make("input", {
      type: "text",
      inputmode: "email",
      id: area.id, // labels and the error summary lead to it
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
    });
    for (const name of ["aria-describedby", "aria-invalid"])
      if (area.hasAttribute(name)) entry.setAttribute(name, area.getAttribute(name));
    const add = make("button", { type: "button", class: "button" }, words.add);
    const count = make("p", { class: "chips-count", role: "status" });
    const why = make("p", { class: "error", id: `${area.id}_why`, role: "alert", hidden: "" });
    const described = area.getAttribute("aria-describedby");
    const wrong = new Set(all("[data-problem]", form).map((item) => item.dataset.problem));
    const room = Number(form.dataset.room);
    const beyond = form.querySelector("p[data-beyond]");
    const file = form.querySelector("input[type=file]");
    const roles = all("[data-one-of]", form);
    const submits = all("button[data-needs-chips]", form);
    const help = document.getElementById(`${area.id}_helptext`);
    if (help && form.dataset.chipsHelp) help.textContent = form.dataset.chipsHelp; // the lines it tells of are gone

    /** Say why what stands in the entry field is no address, or, with nothing, take that back. */
    function explain(text) {
      const part = split(text).find((one) => !isAddress(one)) || "";
      const letter = /\P{ASCII}/u.exec(part.slice(0, part.lastIndexOf("@") + 1));
      why.textContent = !part
        ? ""
        : letter
          ? words.letter.replace("%(address)s", part).replace("%(letter)s", letter[0])
          : words.wrong.replace("%(text)s", part);
      why.hidden = !part;
      const ids = [described, part && why.id].filter(Boolean).join(" ");
      if (ids) entry.setAttribute("aria-describedby", ids);
      else entry.removeAttribute("aria-describedby");
      if (part || area.hasAttribute("aria-invalid")) entry.setAttribute("aria-invalid", "true");
      else entry.removeAttribute("aria-invalid");
    }
    function check() {
      const rest = entry.value.trim();
      add.hidden = !isAddress(rest);
      if (!why.hidden) explain(rest); // once something is wrong, each key may mend it
      area.value = [...chosen.values(), ...(rest ? [rest] : [])].join("\n");
      const isReady = (chosen.size > 0 || file?.value) && (!rest || isAddress(rest)) && (!roles.length || roles.some((box) => box.checked));
      for (const button of submits) button.disabled = !isReady;
      if (!beyond) return;
      const asUser = roles.some((box) => box.value === "user" && box.checked);
      const more = asUser ? chosen.size - room : 0;
      beyond.textContent = more < 1 || !chosen.size ? "" : more === 1 ? words.beyondOne : words.beyond.replace("%(count)s", more);
    }
    function tell() {
      const number = chosen.size;
      count.textContent = !number ? words.none : number === 1 ? words.one : words.many.replace("%(count)s", number);
      check();
    }
    const buttons = () => all("button", list);
    function drop(key, node) {
      const place = buttons().indexOf(node.querySelector("button"));
      chosen.delete(key);
      node.remove();
      const left = buttons();
      (left[Math.min(place, left.length - 1)] || entry).focus();
      tell();
    }
    function put(address) {
      const key = address.toLowerCase();
      if (chosen.has(key)) return;
      chosen.set(key, address);
      const close = make("button", { type: "button", "aria-label": words.remove.replace("%(address)s", address) });
      close.append(document.querySelector("#icon-close").content.cloneNode(true));
      const chip = make("li", { class: wrong.has(address) ? "chip is-wrong" : "chip" }, make("span", { title: address }, address), close);
      close.addEventListener("click", () => drop(key, chip));
      close.addEventListener("keydown", (event) => {
        const row = buttons();
        const place = row.indexOf(close);
        const to = { ArrowLeft: row[place - 1], ArrowRight: row[place + 1] || entry, Home: row[0], End: row.at(-1) }[event.key];
        if (event.key === "Delete" || event.key === "Backspace") drop(key, chip);
        else if (!to) return;
        else to.focus();
        event.preventDefault();
      });
      list.append(chip);
    }
    /** Make chips of what is an address; the rest stays in the entry field. */
    function take(text, isAll) {
      const rest = [];
      for (const part of split(text)) {
        if (isAll || isAddress(part)) put(part);
        else rest.push(part);
      }
      entry.value = rest.join(" ");
      explain(entry.value);
      tell();
      list.scrollTop = list.scrollHeight;
    }
    add.addEventListener("click", () => {
      take(entry.value);
      entry.focus();
    });
    entry.addEventListener("input", check);
    entry.addEventListener("change", () => explain(entry.value));
    entry.addEventListener("paste", (event) => {
      const text = event.clipboardData.getData("text");
      if (split(text).length < 2 && !/[\s,;<]/.test(text.trim())) return;
      event.preventDefault();
      take(`${entry.value} ${text}`);
    });
    entry.addEventListener("keydown", (event) => {
      const { key, isComposing } = event;
      const isEmpty = entry.value === "";
      if (isComposing) return;
      if (key === "Enter" || ((key === "," || key === ";") && isAddress(entry.value.trim()))) take(entry.value);
      else if (key === "Backspace" && isEmpty && chosen.size) {
        const [last] = [...chosen.keys()].slice(-1);
        drop(last, list.lastElementChild);
        entry.focus();
      } else if (key === "ArrowLeft" && isEmpty && chosen.size) buttons().at(-1).focus();
      else return;
      event.preventDefault();
    });
    form.addEventListener("change", check);
    const typed = area.value; // hiding an area that has the focus is a change, and `check` would empty it
    const isTyping = document.activeElement === area; // since before this script came: the last word is not finished
    const unfinished = isTyping ? /[^\s,;]*$/.exec(typed)[0] : "";
    area.removeAttribute("id");
    area.hidden = true;
    area.required = false;
    area.after(make("div", { class: "chips" }, list, make("div", { class: "chips-entry" }, entry, add), why, count));
    take(typed.slice(0, typed.length - unfinished.length), true);
    entry.value = unfinished;
    if (unfinished) check();
    if (isTyping || (!form.querySelector("[data-error-summary]") && form.closest("dialog"))) entry.focus();
  }

  function look(root) {
    for (const area of all("textarea[data-chips]:not([hidden])", root)) build(area);
  }
  look(document);
  document.addEventListener("htmx:load", (event) => look(event.detail.elt));
})();
