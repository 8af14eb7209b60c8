"""Input of invitations: Add New Users, with a list of addresses or a file of them, and the registration behind a link."""

import csv
import io

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.addresses import read_address
from accounts.models import User
from accounts.submissions import OnceForm
from config.errors import Refused
from config.names import visible
from config.ui.forms import RefusableForm
from licensing.actions.invitations import MOST_ADDRESSES
from licensing.forms import split_addresses
from licensing.models import ADMIN_ROLE, USER_ROLE

LONGEST_TYPED = 60_000  # characters: more than twice as many of the longest addresses as are taken
MOST_PARTS = 1000  # looked at one by one; more is no list for one step
LARGEST_FILE = 256 * 1024  # bytes
LONGEST_WORDS = 1000  # characters
_HEADS = {"email", "e-mail", "e-mail address", "email address", "mail", "e-mail-adresse", "mailadresse"}


def read_addresses(parts: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return ({key: address} in the order typed, {what was typed: what is wrong with it}); equal keys are one (LG-66)."""
    found, wrong = {}, {}
    for part in parts:
        try:
            address, key = read_address(part)
        except Refused as error:
            wrong[part] = error.message
        else:
            found.setdefault(key, address)
    return found, wrong


def read_file(upload) -> list[str]:
    """Return the addresses of a CSV file: its column named email, else its first; raises ValidationError.

    UTF-8 with or without BOM; commas, semicolons or tabs between the columns.
    """
    if upload.size > LARGEST_FILE:
        raise ValidationError(_("The file has more than 256 KB."), code="file-large")
    try:
        text = upload.read().decode("utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = max(",;\t", key=first.count)
        rows = [
            [cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        ]
    except UnicodeDecodeError:
        raise ValidationError(_("The file is not UTF-8. Save it as “CSV UTF-8”."), code="file-encoding") from None
    except csv.Error:
        raise ValidationError(_("The file is no CSV file."), code="file-csv") from None
    rows = [row for row in rows if any(row)]
    heads = [cell.casefold() for cell in rows[0]] if rows else []
    column = next((place for place, head in enumerate(heads) if head in _HEADS), None)
    cells = [row[column or 0] for row in rows[0 if column is None else 1 :] if len(row) > (column or 0)]
    found = [cell for cell in cells if cell]
    if not found:
        raise ValidationError(_("The file holds no address."), code="file-empty")
    return found


class WordsField(forms.CharField):
    """Several lines; a line end counts as one character, however the browser sends it."""

    def to_python(self, value):
        return super().to_python((value or "").replace("\r\n", "\n"))


class InviteForm(RefusableForm, OnceForm):
    """Whom to invite, as what, with which own words (LG-50 to LG-55). Cleaned `pairs`: (address, key), each key once.

    `problems` holds {address: sentence} for the page. Until `offers_again` is called, `again` is not part of the form.
    """

    addresses = forms.CharField(
        label=_("Email addresses"),
        help_text=_("One address per line; commas and semicolons separate, too. At most 100."),
        required=False,
        max_length=LONGEST_TYPED,
        widget=forms.Textarea(
            attrs={"rows": 5, "data-chips": "", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )
    file = forms.FileField(
        label=_("Or a CSV file"),
        help_text=_("The column named email, or the first one. UTF-8."),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
    )
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=[("user", USER_ROLE), ("admin", ADMIN_ROLE)],
        widget=forms.CheckboxSelectMultiple(attrs={"data-one-of": ""}),
        error_messages={"required": _("Choose at least one role.")},
    )
    words = WordsField(
        label=_("Your own words"),
        help_text=_("They stand in the mail, at most 1000 characters."),
        required=False,
        max_length=LONGEST_WORDS,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    again = forms.BooleanField(label=_("Send the invitations again that are still open"), required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.problems = {}
        if "again" not in self.data:
            self.fields["again"].widget = forms.HiddenInput(attrs={"disabled": True})

    def clean(self):
        """Put typed addresses and those of the file together; what is typed stays, the file's come into the field."""
        cleaned = super().clean()
        parts = split_addresses(cleaned.get("addresses", ""))
        if cleaned.get("file"):
            try:
                parts += read_file(cleaned["file"])
            except ValidationError as error:
                self.add_error("file", error)
            else:
                self._show(parts)
        found, self.problems = read_addresses(parts[:MOST_PARTS])
        if len(parts) > MOST_PARTS:
            self.problems = {}
            self.add_error("addresses", gettext("At most 100 addresses in one step."))
        elif self.problems:
            count = len(self.problems)
            text = ngettext("%(count)s address is wrong.", "%(count)s addresses are wrong.", count) % {"count": count}
            self.add_error("addresses", f"{text} {gettext('Nothing was sent.')}")
        elif len(found) > MOST_ADDRESSES:
            text = gettext("At most 100 addresses in one step; these are %(count)s.") % {"count": len(found)}
            self.add_error("addresses", text)
        elif not found and not self.errors.keys() & {"file", "addresses"}:
            self.add_error("addresses", gettext("Enter at least one address."))
        cleaned["pairs"] = [(address, key) for key, address in found.items()]
        return cleaned

    def _show(self, parts):
        """A browser cannot send the same file again: its addresses are shown with the typed ones."""
        self.data = self.data.copy()
        self.data[self.add_prefix("addresses")] = "\n".join(parts)

    def refuse(self, error):
        """Show a refusal of the action beside its field, or above the form."""
        self.problems |= error.problems
        super().refuse(error)

    def offer_again(self, rows):
        """Tell which invitations are still open, and offer to send them again (LG-65)."""
        count = len(rows)
        text = ngettext("%(count)s address is invited already.", "%(count)s addresses are invited already.", count) % {
            "count": count
        }
        self.problems |= {
            row.address: gettext("is invited already; the link in that mail is still good.") for row in rows
        }
        self.fields["again"].widget = forms.CheckboxInput()
        self.fields["again"].help_text = gettext(
            "They get a new link, 7 new days and these roles; the links they have stop working."
        )
        self.add_error("again", f"{text} {gettext('Tick this, or take them off the list.')}")


class RegistrationForm(forms.Form):
    """A name and a password, for somebody without an account; the address is the one that the link has proved."""

    first_name = forms.CharField(
        label=_("First Name"),
        max_length=100,
        validators=[visible],
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label=_("Last Name"),
        max_length=99,
        validators=[visible],
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password_again = forms.CharField(
        label=_("Password again"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args, address="", **kwargs):
        super().__init__(*args, **kwargs)
        self.address = address
        self.fields["password"].help_text = " ".join(password_validators_help_texts())

    def clean(self):
        """Look at the password before anything is counted or computed; the action looks again."""
        cleaned = super().clean()
        password = cleaned.get("password", "")
        name = f"{cleaned.get('first_name', '')} {cleaned.get('last_name', '')}"
        if password:
            try:
                validate_password(password, user=User(display_name=name, email=self.address))
            except ValidationError as error:
                self.add_error("password", error)
            if not password.strip():
                self.add_error("password", gettext("A password is needed."))
        if password and "password_again" in cleaned and password != cleaned["password_again"]:
            self.add_error("password_again", gettext("The two passwords differ."))
        return cleaned
