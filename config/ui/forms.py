"""What forms have in common."""

from django import forms


class RefusableForm(forms.Form):
    """A form that shows what an action refused beside its field, or above everything."""

    def refuse(self, error):
        """Show a Refused of the action; `Refusal.show` does so and keeps it for the audit trail."""
        self.add_error(error.field if error.field in self.fields else None, error.message)
