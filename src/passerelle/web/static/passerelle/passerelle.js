// Comforts only: every page works without this file.

// On a phone the menu scrolls sideways: the page that is open is in view.
document.querySelector(".menu [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Copy buttons: copy the field beside them, and say so to screen readers as well.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(field.value ?? field.textContent);
  } catch {
    field.select?.();
    if (!document.execCommand("copy")) return;
  }
  document.getElementById("announcements").textContent = button.dataset.copied;
  const label = button.firstChild; // What follows it names the field, for screen readers only.
  button.dataset.label ??= label.data;
  label.data = button.dataset.copied;
  setTimeout(() => { label.data = button.dataset.label; }, 2000);
});

// A password can be looked at while it is typed; it is hidden again before it is sent.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-shows]");
  if (!button) return;
  const field = document.getElementById(button.dataset.shows);
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
});
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("[data-shows]")) {
    document.getElementById(button.dataset.shows).type = "password";
    button.setAttribute("aria-pressed", "false");
  }
});

// Whatever takes long says that it is going on. A page that comes back from the past starts anew.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  const stays = event.defaultPrevented || button?.formTarget === "_blank";
  if (button && !stays) button.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  for (const one of document.querySelectorAll("button[aria-busy]")) one.removeAttribute("aria-busy");
});

// Unsaved changes: the bar tells how many, and leaving asks.
const form = document.querySelector("form[data-unsaved]");
if (form) {
  const bar = form.querySelector(".savebar");
  const status = bar.querySelector("[data-status]");
  const valueOf = (field) =>
    field.type === "checkbox" || field.type === "radio" ? String(field.checked) : field.value;
  const fields = [...form.elements].filter((field) => field.name && field.type !== "hidden");
  const before = new Map(fields.map((field) => [field, valueOf(field)]));
  const kept = form.dataset.unsaved === "kept";
  let leaving = false;
  const update = () => {
    const count = fields.filter((field) => valueOf(field) !== before.get(field)).length;
    const dirty = count > 0 || kept;
    status.textContent =
      count === 0 && !kept ? status.dataset.none
        : count === 1 ? status.dataset.one
          : count === 0 ? status.dataset.kept
            : status.dataset.many.replace("{count}", count);
    bar.toggleAttribute("data-dirty", dirty);
    return dirty;
  };
  form.addEventListener("input", update);
  // A test opens another tab: this page stays, with what is not saved yet.
  form.addEventListener("submit", (event) => { leaving = event.submitter?.formTarget !== "_blank"; });
  bar.querySelector("[data-discard]").addEventListener("click", () => { leaving = true; });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && update()) event.preventDefault();
  });
  update();

  // What the provisioning settings would do: asked again whenever one of them changes, and, once
  // that is shown, whenever anything does: they depend on the connection. The room for the answer
  // is made at once: nothing moves under somebody's finger when it arrives.
  const button = form.querySelector("[data-effect]");
  const card = button.closest(".card");
  const effect = button.closest(".field").querySelector(".effect");
  let newest = 0;
  const show = async () => {
    const asked = ++newest;
    effect.setAttribute("aria-busy", "true");
    effect.setAttribute("data-room", "");
    // What does not fit is scrolled to, by keyboard as well.
    effect.tabIndex = 0;
    const data = new FormData(form);
    data.delete("metadata_file");
    try {
      const answer = await fetch(button.dataset.effect, { method: "POST", body: data });
      const text = await answer.text();
      // An answer that comes late is about what is typed no longer.
      if (answer.ok && !answer.redirected && asked === newest) effect.innerHTML = text;
    } finally {
      if (asked === newest) {
        effect.removeAttribute("aria-busy");
        effect.toggleAttribute("data-room", effect.hasChildNodes());
      }
    }
  };
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    await show();
    effect.focus({ preventScroll: true });
    effect.scrollIntoView({ block: "nearest" });
  });
  form.addEventListener("change", async (event) => {
    const own = card.contains(event.target);
    if (!own && !effect.textContent.trim()) return;
    await show();
    if (own) {
      const sentences = [...effect.querySelectorAll("p")].map((one) => one.textContent.trim());
      document.getElementById("announcements").textContent = sentences.join(" ");
    }
  });
}

// After a refused form, and after saving, what happened is read out first.
document.querySelector("[data-focus]")?.focus();

// The list of sign-ins tells of new ones while somebody looks at it.
const live = document.querySelector("[data-live]");
if (live) {
  const asking = setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(live.dataset.live).catch(() => null);
    if (answer?.redirected) clearInterval(asking);
    if (!answer?.ok || answer.redirected) return;
    const text = await answer.text();
    if (text.trim() !== live.innerHTML.trim()) live.innerHTML = text;
  }, 5000);
}

// One box ticks every person that is shown.
document.querySelector("[data-all]")?.addEventListener("change", (event) => {
  for (const box of document.querySelectorAll("td.pick input")) box.checked = event.target.checked;
});

// What is typed into a field to find something by leaves only what has it.
document.querySelector("[data-finds]")?.addEventListener("input", ({ target }) => {
  const sought = target.value.trim().toLowerCase();
  for (const one of document.getElementById(target.dataset.finds).children) {
    one.hidden = !one.textContent.toLowerCase().includes(sought);
  }
});

// Passkeys: what the server asks goes to the authenticator, what it answers into the form.
const asking = document.querySelector("form[data-passkey]");
if (asking) {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const options = JSON.parse(asking.dataset.options).publicKey;
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of ["excludeCredentials", "allowCredentials"]) {
    for (const one of options[list] ?? []) one.id = bytes(one.id);
  }
  const written = (made) => {
    const response = { clientDataJSON: text(made.response.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[part]) response[part] = text(made.response[part]);
    }
    return { id: made.id, rawId: text(made.rawId), type: made.type, response,
      clientExtensionResults: made.getClientExtensionResults() };
  };
  asking.addEventListener("submit", async (event) => {
    if (asking.elements.response.value) return;
    event.preventDefault();
    document.querySelector("[data-failed]").hidden = true;
    try {
      const made = await navigator.credentials[asking.dataset.passkey]({ publicKey: options });
      asking.elements.response.value = JSON.stringify(written(made));
      asking.submit();
    } catch {
      document.querySelector("[data-failed]").hidden = false;
    }
  });
}

// What is typed into the set-up guide is looked at as soon as a field is left.
const check = document.querySelector("[data-check]");
if (check) {
  let newest = 0;
  check.closest("form").addEventListener("change", async () => {
    const asked = ++newest;
    const data = new FormData(check.closest("form"));
    const answer = await fetch(check.dataset.check, { method: "POST", body: data });
    const text = await answer.text();
    if (answer.ok && !answer.redirected && asked === newest) check.innerHTML = text;
  });
}
