// Makes elements. Text only ever becomes a text node, so that no label and no answer of an instrument is markup.

/** Return a new element. `set` has its attributes, and functions for its events; what is false or missing is left out. */
export function make(tag, set = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (typeof value === "function") {
      element.addEventListener(name, value);
    } else if (value !== false && value !== undefined && value !== null) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...inside.filter((one) => one !== undefined && one !== null && one !== false));
  return element;
}

/** Return a button that does `work` when it is pressed. */
export function button(text, work, set = {}) {
  return make("button", { type: "button", click: work, ...set }, text);
}

/** Write text into an element, unless it is there already. */
export function write(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Ask before something that energises the bench or ends something. Resolves to whether the user agreed. */
export function confirmed(question, verb) {
  return new Promise((resolve) => {
    const dialog = make("dialog", { class: "confirm", "aria-label": question });
    const end = (agreed) => {
      dialog.close();
      dialog.remove();
      resolve(agreed);
    };
    const no = button("Cancel", () => end(false));
    dialog.append(make("p", {}, question), make("div", { class: "actions" }, no, button(verb, () => end(true), { class: "danger" })));
    dialog.addEventListener("cancel", () => end(false));
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}
