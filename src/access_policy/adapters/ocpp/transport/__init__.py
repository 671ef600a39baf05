"""OCPP-J transport: the WebSocket server, connections, framing, admission and TLS."""
