from django.urls import path

from passerelle.embed.django import views

app_name = "passerelle_embed"
urlpatterns = [
    path("login", views.login, name="login"),
    path("acs", views.acs, name="acs"),
    path("finish", views.finish, name="finish"),
    path("metadata", views.metadata, name="metadata"),
]
