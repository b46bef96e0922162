from django.urls import path

from passerelle.practice_idp import views

urlpatterns = [
    path("", views.directory),
    path("metadata", views.metadata),
    path("sign-in", views.sign_in),
]
