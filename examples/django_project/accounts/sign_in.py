from accounts.models import Employee
from passerelle.embed import Person


def employee_of(person: Person, known: Employee | None) -> Employee | None:
    """The account of a person: a new one at the first sign-in, up to date at each; None refuses."""
    if person.email is None:
        return None
    employee = known or Employee(staff_number=person.subject)
    employee.mail = person.email
    employee.edits_reports = "editors" in person.groups
    if not known:
        employee.set_unusable_password()
    employee.save()
    return employee
