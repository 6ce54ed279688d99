"use strict";
const form = document.getElementById("setup");
const message = document.getElementById("message");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
// The token opens the installation: it must not stay in the address.
history.replaceState(null, "", location.pathname);

function say(text, failed) {
  message.textContent = text;
  message.className = failed ? "failed" : "done";
}

if (!token) {
  say("This link is not complete: open it exactly as it was printed, or make another with `sextant init --new-link`.", true);
  form.querySelector("button").disabled = true;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { token, password: form.password.value };
  if (form.email.value) body.email = form.email.value;
  if (form.elements.name.value) body.name = form.elements.name.value;
  try {
    const answer = await fetch("/v1/session/setup", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) {
      form.password.value = "";
      form.querySelector("button").disabled = true;
      say("Done. You are signed in.", false);
    } else {
      say((await answer.json()).message, true);
    }
  } catch {
    say("The server did not answer. Try again.", true);
  }
});
