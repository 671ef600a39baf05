"""The charger gateway: OCPP-J over WebSocket, from the socket to the application's commands."""
