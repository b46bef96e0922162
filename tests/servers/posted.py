"""What an identity provider lets the browser post to the service provider."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from .forms import Form


@dataclass(frozen=True)
class Posted:
    """A form on its way to the assertion consumer service."""

    action: str
    saml_response: str
    relay_state: str | None

    @property
    def xml(self) -> bytes:
        """The response itself."""
        return base64.b64decode(self.saml_response)

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the form, ready to be posted to `action`."""
        relay_state = {} if self.relay_state is None else {"RelayState": self.relay_state}
        return {"SAMLResponse": self.saml_response, **relay_state}


def posted_by(forms: Sequence[Form]) -> Posted | None:
    """The form among these that carries a response."""
    for form in forms:
        if "SAMLResponse" in form.fields:
            return Posted(form.action, form.fields["SAMLResponse"], form.fields.get("RelayState"))
    return None
