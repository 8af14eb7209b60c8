/* The panel editor: drags, keys and changes become the same steps that its buttons send. Works without this file too. */
(() => {
  "use strict";
  const ID = "panel-editor";
  const FAR = 6; // pixels before a press becomes a drag
  const editor = () => document.getElementById(ID);
  const grid = () => document.getElementById("panel-grid");
  let last = Promise.resolve();
  let saving = false;
  const waiting = []; // steps that are not answered yet

  // Steps wait for each other: each is sent with the draft that the one before has made, and Save waits for them all.
  function run(step, focus) {
    if (step.startsWith("remove:") && waiting.includes(step)) return; // the tile is going already
    waiting.push(step);
    last = last
      .then(() => send(step, focus))
      .catch(() => {})
      .finally(() => waiting.splice(waiting.indexOf(step), 1));
  }
  async function send(step, focus) {
    const form = editor();
    const held = focus || document.activeElement?.id;
    await htmx.ajax("POST", form.action, { source: form, target: form, swap: "outerHTML", values: { do: step } });
    const { announce } = editor().dataset;
    if (announce) {
      const announcer = document.getElementById("announce");
      announcer.textContent = ""; // the same words again are said again
      setTimeout(() => (announcer.textContent = announce), 40);
    }
    const wanted = held && document.getElementById(held);
    const chosen = grid().querySelector("[aria-pressed=true]");
    const lost = !document.activeElement || document.activeElement === document.body || document.activeElement.id === "main";
    if (wanted) wanted.focus({ preventScroll: true });
    else if (lost) (chosen || grid().querySelector(".tile") || document.querySelector("[data-add]")).focus({ preventScroll: true });
  }

  document.addEventListener("submit", (event) => {
    if (event.target.id !== ID) return;
    const step = event.submitter?.value || "apply";
    if (step === "save") {
      saving = !waiting.length;
      if (saving) return;
      event.preventDefault();
      last.then(() => editor().requestSubmit(document.querySelector(`button[form="${ID}"][value="save"], #${ID} button[value="save"]`)));
      return;
    }
    event.preventDefault();
    const added = step.startsWith("add:") || step.startsWith("place:");
    run(step, added ? "" : event.submitter?.id);
  });
  document.addEventListener("change", (event) => {
    if (!event.target.form || event.target.form.id !== ID) return;
    if (event.target.dataset.step) run(event.target.dataset.step, event.target.id);
    else if (event.target.closest("[data-tile-form]")) run("apply", event.target.id);
  });

  // --- keys on a tile --------------------------------------------------------------------------------------------------
  const MOVES = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
  const SIZES = { ArrowLeft: "narrower", ArrowRight: "wider", ArrowUp: "shorter", ArrowDown: "taller" };
  document.addEventListener("keydown", (event) => {
    const tile = event.target.closest(`#${ID} [data-tile]`);
    if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
    const { tile: id } = tile.dataset;
    if (MOVES[event.key]) run(event.shiftKey ? `size:${id}:${SIZES[event.key]}` : `move:${id}:${MOVES[event.key]}`, tile.id);
    else if (event.key === "Delete" || event.key === "Backspace") run(`remove:${id}`);
    else if (event.key === "Escape" && tile.getAttribute("aria-pressed") === "true") run("deselect", tile.id);
    else return;
    event.preventDefault();
  });

  // --- drags: a tile over the panel, out of it, or from the list into it ---------------------------------------------------
  let drag = null;
  const size = (element) => [Number(element.dataset.width || 1), Number(element.dataset.height || 1)];
  function cellAt(x, y) {
    const box = grid().getBoundingClientRect();
    const { columns, rows } = grid().dataset;
    const column = Math.floor(((x - box.left) / box.width) * columns) + 1;
    const row = Math.floor(((y - box.top) / box.height) * rows) + 1;
    return column < 1 || row < 1 || column > columns || row > rows ? null : { column, row };
  }
  function target() {
    const over = cellAt(drag.x, drag.y);
    if (!over) return null;
    return { column: over.column - drag.across, row: over.row - drag.down };
  }
  function fits({ column, row }) {
    const [width, height] = size(drag.source);
    const { columns, rows } = grid().dataset;
    if (column < 1 || row < 1 || column + width - 1 > columns || row + height - 1 > rows) return false;
    return [...grid().querySelectorAll("[data-tile]")].every((tile) => {
      const left = Number(tile.dataset.column);
      const top = Number(tile.dataset.row);
      const [wide, high] = size(tile);
      const apart = left + wide <= column || column + width <= left || top + high <= row || row + height <= top;
      const swaps = drag.source.dataset.tile && left === column && top === row && wide === width && high === height;
      return tile === drag.source || apart || swaps;
    });
  }
  function begin() {
    const box = drag.source.getBoundingClientRect();
    drag.ghost = drag.source.cloneNode(true);
    drag.ghost.removeAttribute("id");
    delete drag.ghost.dataset.tile;
    drag.ghost.classList.add("drag-ghost");
    drag.ghost.setAttribute("aria-hidden", "true");
    drag.ghost.style.width = `${box.width}px`;
    drag.ghost.style.height = `${box.height}px`;
    const from = drag.source.dataset.tile && cellAt(drag.fromX, drag.fromY);
    drag.across = from ? from.column - Number(drag.source.dataset.column) : 0;
    drag.down = from ? from.row - Number(drag.source.dataset.row) : 0;
    drag.mark = document.createElement("span");
    drag.source.classList.add("dragging");
    drag.source.parentElement.append(drag.ghost);
    const at = drag.ghost.getBoundingClientRect(); // wherever fixed boxes are counted from here
    drag.offset = { x: box.left - at.left - drag.fromX, y: box.top - at.top - drag.fromY };
  }
  function show() {
    drag.ghost.style.transform = `translate(${drag.offset.x + drag.x}px, ${drag.offset.y + drag.y}px)`;
    const spot = target();
    drag.ghost.classList.toggle("is-leaving", !spot && Boolean(drag.source.dataset.tile));
    if (!spot || spot.column < 1 || spot.row < 1) {
      drag.mark.remove();
      return;
    }
    const [width, height] = size(drag.source);
    drag.mark.className = `drop-mark col-${spot.column} row-${spot.row} wide-${width} tall-${height}`;
    drag.mark.classList.toggle("is-refused", !fits(spot));
    grid().append(drag.mark);
  }
  function end(act) {
    if (!drag) return;
    const { source, ghost, mark } = drag;
    const spot = ghost && target();
    drag = null;
    if (!ghost) return;
    ghost.remove();
    mark.remove();
    source.classList.remove("dragging");
    // The click that follows a drag is none.
    const swallow = (event) => {
      event.preventDefault();
      event.stopPropagation();
    };
    document.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 0);
    if (!act) return;
    const { tile: id, add } = source.dataset;
    if (id) run(spot ? `place:${id}:${spot.column}:${spot.row}` : `remove:${id}`, spot ? `tile-${id}` : "");
    else if (spot) run(`add:${add}:${spot.column}:${spot.row}`);
  }
  document.addEventListener("pointerdown", (event) => {
    const source = event.target.closest(`#${ID} [data-tile], #${ID} [data-add]`);
    if (!source || event.button !== 0 || !event.isPrimary) return;
    drag = { source, fromX: event.clientX, fromY: event.clientY, x: event.clientX, y: event.clientY, ghost: null };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || !event.isPrimary) return;
    drag.x = event.clientX;
    drag.y = event.clientY;
    if (!drag.ghost && Math.hypot(drag.x - drag.fromX, drag.y - drag.fromY) < FAR) return;
    if (!drag.source.isConnected) {
      end(false);
      return;
    }
    if (!drag.ghost) begin();
    show();
  });
  document.addEventListener("pointerup", () => end(true));
  document.addEventListener("pointercancel", () => end(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") end(false);
  });

  addEventListener("beforeunload", (event) => {
    if (!saving && editor()?.dataset.dirty !== undefined) event.preventDefault();
  });
  addEventListener("pageshow", () => {
    saving = false;
  });
})();
