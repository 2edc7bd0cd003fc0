// The tabs of the page: one part is shown at a time. Left and Right choose, as ARIA's pattern for tabs has it.

const TABS = ["pauses", "bench", "history"];
const tabOf = (name) => document.getElementById(`tab-${name}`);

/** Make the tabs work, and show the first. `shown(name)` is called with each part that is shown. */
export function tabs(shown) {
  const show = (chosen) => {
    for (const name of TABS) {
      document.getElementById(name).hidden = name !== chosen;
      tabOf(name).setAttribute("aria-selected", String(name === chosen));
      tabOf(name).tabIndex = name === chosen ? 0 : -1;
    }
    shown(chosen);
  };
  TABS.forEach((name, at) => {
    tabOf(name).addEventListener("click", () => show(name));
    tabOf(name).addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) {
        const next = TABS[(at + by + TABS.length) % TABS.length];
        show(next);
        tabOf(next).focus();
      }
    });
  });
  show(TABS[0]);
  TABS.forEach((name) => { tabOf(name).disabled = false; }); // a click before this would be lost
}
