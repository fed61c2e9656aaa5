// The panel "What if": a binding that is chosen brings its key and arguments along, to be written otherwise.

document.addEventListener("change", ({ target }) => {
  if (target.id !== "if_binding") return;
  const { key, arguments: written } = target.selectedOptions[0].dataset;
  target.form.elements.if_key.value = key;
  target.form.elements.if_arguments.value = written;
});
