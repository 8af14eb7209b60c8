/* What markup cannot do by itself: the dialog, counting a selection, toasts, shortcuts. Every page works without it. */
(() => {
  "use strict";
  const dialog = document.getElementById("dialog");
  const toasts = document.getElementById("toasts");
  const announcer = document.getElementById("announce");
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- toasts: said aloud by the live region they stand in; errors stay until closed ---------------------------------
  function toast(text, kind = "ok") {
    const box = document.createElement("div");
    box.className = `toast is-${kind}`;
    const words = document.createElement("p");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "icon-button quiet";
    close.setAttribute("aria-label", toasts.dataset.close);
    close.append(find("#icon-close").content.cloneNode(true));
    close.addEventListener("click", () => box.remove());
    const mark = find(kind === "error" ? "#icon-error" : "#icon-ok").content.cloneNode(true);
    box.append(mark, words, close);
    toasts.append(box);
    if (kind === "error") return;
    const leave = () => (box.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : box.remove());
    setTimeout(leave, 8000);
  }
  document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.kind));

  // --- the dialog: opened by the swap that fills it, closed by the answer that empties it -----------------------------
  let opener = null; // { node, id, address }: what opened the dialog, also when a reload of its list replaces it
  function remember({ elt, triggeringEvent }) {
    const control = (elt.matches("form") && (triggeringEvent?.submitter || find("[type=submit]", elt))) || elt;
    const node = control.closest(".menu")?.querySelector("summary") || control; // a menu closes behind the dialog
    const address = ["hx-get", "hx-post", "href"].find((name) => node.hasAttribute(name));
    opener = { node, id: node.id, address: address && `[${address}="${CSS.escape(node.getAttribute(address))}"]` };
  }
  function closeMenus(except) {
    for (const menu of all(".menu[open], .tenant[open]")) if (!menu.contains(except)) menu.open = false;
  }
  function closeDialog() {
    if (dialog && dialog.open) dialog.close();
  }
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== dialog) return;
    if (!dialog.open && dialog.childElementCount) {
      remember(event.detail.requestConfig);
      closeMenus(null);
      dialog.showModal();
    }
    const summary = find("[data-error-summary], [aria-invalid=true]", dialog);
    if (summary) {
      summary.focus();
      dialog.scrollTop = 0;
    }
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (event.detail.xhr.status === 204 && event.detail.target === dialog) closeDialog();
  });
  if (dialog) {
    dialog.addEventListener("close", () => {
      dialog.replaceChildren();
      returnFocus();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) closeDialog(); // the backdrop
      if (event.target.closest("[data-close]")) {
        event.preventDefault();
        closeDialog();
      }
    });
  }
  document.addEventListener("focusin", (event) => {
    if (opener && !dialog.open && event.target !== opener.node) opener = null; // the person has gone on to something else
  });
  function returnFocus() {
    if (opener) {
      const { node, id, address } = opener;
      opener.node = [node, id && document.getElementById(id), address && find(address)].find((each) => each?.isConnected);
      opener.node?.focus();
    }
    if (document.activeElement === document.body) find("#main")?.focus({ preventScroll: true });
  }

  // --- answers that are no page: say what went wrong -----------------------------------------------------------------
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    toast(toasts.dataset[status === 403 ? "denied" : status === 404 ? "gone" : "failed"], "error");
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, elt } = event.detail;
    if (xhr.status === 403 && elt.id === "task-list") {
      event.detail.isError = false;
      elt.closest(".task-panel")?.remove(); // the right to see tasks has gone: ask no further
    } else if (xhr.status === 403 && xhr.getResponseHeader("HX-Retarget")) {
      event.detail.shouldSwap = true; // a refusal that brings its reason as a dialog
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.elt.id !== "task-list") toast(toasts.dataset.offline, "error");
  });

  // --- lists: announce the count, keep empty filter fields out of the address -----------------------------------------
  document.addEventListener("htmx:afterSettle", (event) => {
    const list = event.detail.elt;
    if (!(list instanceof Element) || !list.matches("[data-announce]")) return;
    announcer.textContent = list.dataset.announce;
    if (document.activeElement === document.body && !dialog?.open) returnFocus();
  });
  function dropEmpty(data) {
    for (const [key, value] of [...data.entries()]) if (value === "") data.delete(key, value);
  }
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.matches("[data-drop-empty]")) dropEmpty(event.detail.formData);
  });
  document.addEventListener("formdata", (event) => {
    if (event.target.matches("[data-drop-empty]")) dropEmpty(event.formData);
  });

  // --- selection: page box with three states, count, all that match ----------------------------------------------------
  const allowed = (box) => box.closest("tr").dataset.allows.split(" ");
  function countSelection(list) {
    const boxes = all("tbody .pick input", list);
    const page = find("[data-pick-page]", list);
    const every = find(".bulk-all input", list);
    const words = find("[data-count]", list);
    const picked = boxes.filter((box) => box.checked).length;
    if (!words) return;
    for (const box of boxes) box.disabled = Boolean(every?.checked);
    page.checked = picked > 0 && picked === boxes.length;
    page.indeterminate = picked > 0 && picked < boxes.length;
    page.disabled = Boolean(every?.checked);
    const concerned = boxes.filter((box) => box.checked || every?.checked);
    for (const button of all(".bulk [data-needs]", list))
      button.disabled = concerned.some((box) => !allowed(box).includes(button.dataset.needs));
    const { none, some, all: everything } = words.dataset;
    words.textContent = every?.checked ? everything : picked ? some.replace("{n}", picked) : none;
  }
  let lastPicked = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || !box.matches("tbody .pick input")) return;
    const boxes = all("tbody .pick input", box.closest(".list"));
    if (event.shiftKey && lastPicked?.isConnected) {
      const [from, to] = [boxes.indexOf(lastPicked), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
    }
    lastPicked = box;
  });
  document.addEventListener("change", (event) => {
    const list = event.target.closest(".list");
    if (!list) return;
    if (event.target.matches("[data-pick-page]"))
      for (const box of all("tbody .pick input", list)) box.checked = event.target.checked;
    countSelection(list);
  });
  document.addEventListener("reset", (event) => {
    const list = event.target.closest(".list");
    if (list)
      setTimeout(() => {
        countSelection(list);
        find("[data-pick-page]", list)?.focus();
      });
  });
  all(".list").forEach(countSelection); // a reload keeps the boxes

  // --- tables: a header that stays in view needs a frame that does not scroll, so only where all columns fit -------------
  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) target.classList.toggle("fits", target.scrollWidth <= target.clientWidth);
  });
  const watch = (root) => all(".list .table-wrap", root).forEach((frame) => widths.observe(frame));
  watch(document);
  document.addEventListener("htmx:load", (event) => watch(event.detail.elt));

  // --- tabs: the current one is in view, also where they do not all fit --------------------------------------------------
  const center = (root) => {
    for (const tab of all(".tabs a[aria-current]", root)) {
      const frame = tab.closest(".tabs");
      const [outer, inner] = [frame.getBoundingClientRect(), tab.getBoundingClientRect()];
      frame.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
    }
  };
  center(document);
  document.addEventListener("htmx:load", (event) => center(event.detail.elt));

  // --- colour scheme and sidebar: at once, then kept by the server ------------------------------------------------------
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-display]") || !event.submitter) return;
    event.preventDefault();
    const { name, value } = event.submitter;
    document.documentElement.dataset[name] = value;
    for (const button of all(`[name=${name}]`, form)) button.setAttribute("aria-pressed", button.value === value);
    if (name === "theme") {
      const schemes = { light: "light", dark: "dark" };
      find("meta[name=color-scheme]").content = schemes[value] || "light dark";
      const drawing = event.submitter.querySelector("use").getAttribute("href");
      find("[popovertarget=appearance] use").setAttribute("href", drawing);
    }
    const data = new FormData(form, event.submitter);
    fetch(form.action, { method: "POST", body: data, headers: { "HX-Request": "true" } }).catch(() =>
      toast(toasts.dataset.offline, "error"),
    );
    if (form.popover !== null && form.popover !== undefined && form.matches(":popover-open")) form.hidePopover();
  });

  // --- keyboard and menus ----------------------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && !dialog?.open) {
      const field = find("#search") || find(".filter input[type=search]");
      if (field) {
        event.preventDefault();
        field.focus();
        field.select();
      }
    }
    const menu = event.key === "Escape" && !dialog?.open && find(".menu[open], .tenant[open]");
    if (menu) {
      menu.open = false; // wherever the focus is: a click on a disabled entry leaves it nowhere
      find("summary", menu).focus();
    }
  });
  document.addEventListener("click", (event) => {
    closeMenus(event.target);
    const indicator = event.target.closest("#task-indicator");
    if (indicator) {
      event.preventDefault();
      const panel = find("#task-panel");
      panel.open = true;
      find("summary", panel).focus();
    }
  });
  for (const panel of all("details[data-remember]")) {
    const key = `open:${panel.dataset.remember}`;
    try {
      panel.open = sessionStorage.getItem(key) === "1";
      panel.addEventListener("toggle", () => sessionStorage.setItem(key, panel.open ? "1" : "0"));
    } catch {
      // storage refused by the browser: the panel starts closed on each page
    }
  }
})();
