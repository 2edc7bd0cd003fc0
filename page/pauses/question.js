// The form that answers a question: yes or no, a number, one of the choices, or text. lagerd checks what is typed.
import { button, make } from "../dom.js";
import { amount, printable } from "../text.js";

/** Return the form for the question of a pause; `answer(text)` sends what was chosen or typed. */
export function questionForm(pause, answer) {
  const title = make("legend", {}, printable(pause.question, 1000));
  const form = make("fieldset", { class: "question" }, title);
  const choices = { "yes-no": ["yes", "no"], choice: pause.choices || [] }[pause.kind];
  if (choices) {
    form.append(make("div", { class: "actions" }, ...choices.map((one) => button(printable(one, 200), () => answer(one)))));
  } else {
    form.append(typed(pause, answer));
  }
  if (pause.default !== undefined && pause.default !== "") {
    form.append(make("p", { class: "hint" }, `Default: ${amount(pause.default, pause.unit)}`));
  }
  return form;
}

function typed(pause, answer) {
  const input = make("input", { type: "text", "aria-label": "Answer", autocomplete: "off", maxlength: 4000 });
  const send = (event) => {
    event.preventDefault();
    answer(input.value);
  };
  return make("form", { submit: send }, input, pause.unit && ` ${printable(pause.unit, 8)} `, make("button", { type: "submit" }, "Answer"), bounds(pause));
}

function bounds({ low, high, unit }) {
  if (low === undefined && high === undefined) {
    return undefined;
  }
  const text = low === undefined ? `at most ${amount(high, unit)}` : high === undefined ? `at least ${amount(low, unit)}` : `${amount(low, unit)} to ${amount(high, unit)}`;
  return make("span", { class: "hint" }, ` ${text}`);
}
