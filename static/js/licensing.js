/* Edit User: each role's radio buttons become one box of three states; Save waits until every role is decided. */
(() => {
  "use strict";
  const all = (selector, root) => [...root.querySelectorAll(selector)];

  function state(radios) {
    const chosen = radios.find((radio) => radio.checked);
    return { yes: "true", no: "false", mixed: "mixed" }[chosen?.value] || "false";
  }

  // The radio buttons stay in the form and carry the value; the box only moves their choice, never back to "mixed".
  function makeBox(field) {
    const radios = all("input[type=radio]", field);
    const legend = field.querySelector("legend");
    const help = field.querySelector(".help");
    const box = document.createElement("button");
    const mark = document.createElement("span");
    box.type = "button";
    box.className = "role-box";
    box.setAttribute("role", "checkbox");
    mark.className = "mark";
    box.append(mark, legend.textContent.trim());
    if (help) box.setAttribute("aria-describedby", help.id);
    box.id = radios[0].id; // where the error summary leads
    radios[0].removeAttribute("id");
    field.querySelector(`label[for="${box.id}"]`)?.removeAttribute("for"); // it names the radio button, not the box
    const isLocked = radios.some((radio) => radio.disabled);
    if (isLocked) box.setAttribute("aria-disabled", "true");
    const show = () => box.setAttribute("aria-checked", state(radios));
    box.addEventListener("click", () => {
      if (isLocked) return;
      const next = state(radios) === "true" ? "no" : "yes";
      radios.find((radio) => radio.value === next).checked = true;
      show();
      box.dispatchEvent(new Event("change", { bubbles: true }));
    });
    show();
    field.querySelector(".choices").hidden = true;
    legend.hidden = true;
    field.removeAttribute("aria-describedby");
    field.setAttribute("role", "presentation");
    legend.after(box);
    return box;
  }

  function prepare(form) {
    if (form.dataset.ready) return;
    form.dataset.ready = "yes";
    const boxes = all("fieldset:has(input[type=radio])", form).map(makeBox);
    const save = form.querySelector("button[type=submit]");
    const hint = form.querySelector("[data-undecided]");
    const check = () => {
      const states = boxes.map((box) => box.getAttribute("aria-checked"));
      const isMixed = states.includes("mixed");
      const isEmpty = !isMixed && !states.includes("true");
      save.disabled = isMixed || isEmpty;
      hint.textContent = isMixed ? hint.dataset.undecided : isEmpty ? hint.dataset.empty : "";
    };
    form.addEventListener("change", check);
    check();
  }

  const look = (root) => {
    if (root.matches?.("form[data-roles]")) prepare(root);
    all("form[data-roles]", root).forEach(prepare);
  };
  look(document);
  document.addEventListener("htmx:load", (event) => look(event.detail.elt));
})();
