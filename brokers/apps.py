"""The app that watches RabbitMQ: brokers, virtual hosts, queues, exchanges, bindings."""

from django.apps import AppConfig


class BrokersConfig(AppConfig):
    name = "brokers"
    default_auto_field = "django.db.models.BigAutoField"
