// The panel "What if": a binding that is chosen brings its key and arguments along, to be written otherwise.

const form = document.querySelector("[data-what-if-binding]");
form?.elements.if_binding.addEventListener("change", ({ target }) => {
  const { key, arguments: written } = target.selectedOptions[0].dataset;
  form.elements.if_key.value = key;
  form.elements.if_arguments.value = written;
});
