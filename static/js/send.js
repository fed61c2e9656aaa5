// The send page: the question as a modal dialog, and focus on the first field that is wrong.

const question = document.querySelector("[data-question]");
if (question?.showModal) {
  question.removeAttribute("open");
  question.showModal();
} else document.querySelector('.send-form [aria-invalid="true"]')?.focus();
