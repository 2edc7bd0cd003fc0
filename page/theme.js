// Light or dark: what the user chose in Cockpit's own menu, else what the system prefers.

const CHOSEN = "shell:style";
const system = window.matchMedia("(prefers-color-scheme: dark)");

function follow() {
  const chosen = window.localStorage.getItem(CHOSEN) || "auto";
  document.documentElement.classList.toggle("dark", chosen === "dark" || (chosen === "auto" && system.matches));
}

window.addEventListener("storage", (event) => event.key === CHOSEN && follow());
window.addEventListener("cockpit-style", follow);
system.addEventListener("change", follow);
follow();
