"""No row of one company can point at a row of another: the database itself refuses it."""

import itertools
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models

from passerelle.directory.models import Application, Company, ProvisioningRule
from passerelle.directory.walls import missing_walls, raise_walls, tenant_walls
from passerelle.infra.identifiers import uuid7
from tests.directory.commits import committed
from tests.world import NOW

pytestmark = pytest.mark.django_db

numbers = itertools.count(1)
OTHERWISE_WRONG = {
    ProvisioningRule: {"equals": "admins"},
    Application: {"url": "https://reports.acme.example/"},
}
# Of what may be empty: not here, where the row says nothing else.
WANTED = {ProvisioningRule: ("workspace", "permission_set")}


def of_a_company(model: type[models.Model]) -> bool:
    return model is Company or any(
        isinstance(field, models.ForeignKey) and field.related_model is Company
        for field in model._meta.concrete_fields
    )


TENANT_MODELS = [model for model in apps.get_models() if of_a_company(model)]
REFERENCES = [
    pytest.param(model, field, id=f"{model._meta.label}.{field.name}")
    for model in TENANT_MODELS
    for field in model._meta.concrete_fields
    if isinstance(field, models.ForeignKey)
    and field.related_model is not Company
    and field.related_model in TENANT_MODELS
    # Of a session that has ended, what it led to is kept until it is told.
    and field.db_constraint
]


class Rows:
    """One row of any model for one company, with whatever it needs."""

    def __init__(self, slug: str) -> None:
        self.made: dict[type[models.Model], models.Model] = {}
        self.company = Company.objects.create(slug=slug, name=slug, created_at=NOW)
        self.made[Company] = self.company

    def of(self, model: type[models.Model]) -> models.Model:
        if model not in self.made:
            self.made[model] = self.new(model)
            self.made[model].save(force_insert=True)
        return self.made[model]

    def new(self, model: type[models.Model], **given: Any) -> models.Model:
        values = dict(OTHERWISE_WRONG.get(model, {}))
        for field in model._meta.concrete_fields:
            if field.name in given or field.name in values or field.has_default():
                continue
            if not field.null or field.name in ("company", *WANTED.get(model, ())):
                values[field.name] = self._value(field)
        return model(**{**values, **given})

    def _value(self, field: models.Field) -> Any:
        if isinstance(field, models.ForeignKey):
            return self.of(field.related_model)
        if isinstance(field, models.DateTimeField):
            return NOW
        if field.choices:
            return field.choices[0][0]
        if isinstance(field, models.IntegerField):
            return next(numbers)
        if isinstance(field, models.UUIDField):
            return uuid7()
        if isinstance(field, models.JSONField):
            return {}
        return f"x{next(numbers)}"


def test_there_are_references_to_look_at():
    assert len(REFERENCES) >= 16


@pytest.mark.parametrize(("model", "field"), REFERENCES)
def test_a_row_cannot_be_inserted_across_companies(model, field):
    acme, globex = Rows("acme"), Rows("globex")
    foreign = globex.of(field.related_model)
    if model is Company:
        row = Company(slug="third", name="Third", created_at=NOW, **{field.name: foreign})
    else:
        row = acme.new(model, **{field.name: foreign})
    with pytest.raises(IntegrityError), committed():
        model._base_manager.bulk_create([row])


@pytest.mark.parametrize(("model", "field"), REFERENCES)
def test_a_row_cannot_be_turned_to_another_company(model, field):
    acme, globex = Rows("acme"), Rows("globex")
    foreign, row = globex.of(field.related_model), acme.of(model)
    with pytest.raises(IntegrityError), committed():
        model._base_manager.filter(pk=row.pk).update(**{field.name: foreign})


@pytest.mark.parametrize(("model", "field"), REFERENCES)
def test_what_a_row_points_at_cannot_move_to_another_company(model, field):
    acme, globex = Rows("acme"), Rows("globex")
    row, target = acme.of(model), acme.of(field.related_model)
    with committed():
        model._base_manager.filter(pk=row.pk).update(**{field.name: target})
    with pytest.raises(IntegrityError), committed():
        type(target)._base_manager.filter(pk=target.pk).update(company=globex.company)


@pytest.mark.parametrize(
    ("model", "field"), [one for one in REFERENCES if one.values[0] is not Company]
)
def test_a_row_that_points_somewhere_cannot_move_to_another_company(model, field):
    acme, globex = Rows("acme"), Rows("globex")
    row, target = acme.of(model), acme.of(field.related_model)
    model._base_manager.filter(pk=row.pk).update(**{field.name: target})
    with pytest.raises(IntegrityError), committed():
        model._base_manager.filter(pk=row.pk).update(company=globex.company)


@pytest.mark.parametrize(("model", "field"), REFERENCES)
def test_a_row_may_point_within_its_company(model, field):
    acme = Rows("acme")
    row, target = acme.of(model), acme.of(field.related_model)
    with committed():
        model._base_manager.filter(pk=row.pk).update(**{field.name: target})


def test_a_wall_that_is_gone_is_noticed_and_raised_again():
    assert missing_walls(connection) == []
    wall = next(tenant_walls())
    gone = wall.name
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {wall.table} DROP CONSTRAINT {wall.name}")
        else:
            gone += "_insert"
            cursor.execute(f"DROP TRIGGER {gone}")
    assert missing_walls(connection) == [gone]
    raise_walls(connection)
    assert missing_walls(connection) == []
