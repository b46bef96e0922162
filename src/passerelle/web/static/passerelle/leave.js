// Sends the form that leads to an identity provider; without scripts its button does.
document.querySelector("form[data-post]")?.submit();
