"""The centre: collects what the stations of a plant say over MQTT, and shows all of them."""
