// A security key as a second factor: the browser's own dialog, whose answer goes into the form as JSON.

const form = document.querySelector("form[data-security-key]");
const { publicKey } = JSON.parse(document.getElementById("key-options").textContent);

async function credential() {
  if (form.dataset.securityKey === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
}

form.addEventListener("submit", async (event) => {
  if (form.credential.value) return;
  event.preventDefault();
  const problem = form.querySelector("[data-problem]");
  try {
    form.credential.value = JSON.stringify((await credential()).toJSON());
    form.requestSubmit();
  } catch (error) {
    problem.hidden = false;
    problem.querySelector("span:last-child").textContent = `The browser used no key: ${error.message}`;
  }
});
