"""Form fields that several pages share."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class OwnChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice among the company's own rows; anything else is the same mistake."""

    default_error_messages = {
        "invalid_choice": gettext_lazy("Select one from the list: this one is not there any more.")
    }

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except forms.ValidationError:
            raise forms.ValidationError(self.error_messages["invalid_choice"]) from None


class LineField(forms.CharField):
    """One line of text: control characters are in no name and no address."""

    def clean(self, value: Any) -> str:
        text = str(super().clean(value)).strip()
        if not text.isprintable():
            raise forms.ValidationError(_("Enter one line, without control characters."))
        return text


def line(max_length: int) -> LineField:
    return LineField(max_length=max_length, required=False)


MAX_NAME = 150


def name_problem(name: str) -> str:
    """Why this cannot be a name, or nothing."""
    if not name:
        return _("Enter a name.")
    if len(name) > MAX_NAME:
        return _("Enter a name of at most %(count)s characters.") % {"count": MAX_NAME}
    return ""
