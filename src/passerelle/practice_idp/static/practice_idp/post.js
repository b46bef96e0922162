// The HTTP-POST binding: the form sends itself; without scripts there is its button.
document.querySelector("form[data-post]").submit();
